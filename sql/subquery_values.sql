-- Scalar and ARRAY subqueries: correlated, nested, in aggregates, HAVING, CASE and windows.
SET client_min_messages = warning;
CREATE SCHEMA subquery_values;
SET search_path = subquery_values;
CREATE TABLE a (id int PRIMARY KEY, k int, v int);
CREATE TABLE b (id int PRIMARY KEY, k int, w int);
INSERT INTO a SELECT g, nullif(g % 7, 3), g % 5 FROM generate_series(1, 30) g;
INSERT INTO b SELECT g, nullif(g % 9, 4), g % 4 FROM generate_series(1, 12) g;
CREATE DOMAIN small AS int;
CREATE TABLE d (id int PRIMARY KEY, s small, t varchar(3));
INSERT INTO d VALUES (1, 0, '2'), (2, -1, '0'), (3, NULL, NULL);
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('aggregates', $$SELECT *, (SELECT max(w) FROM b) AS m, (SELECT count(*) FROM b WHERE b.k = a.k) AS c, (SELECT sum(w) FROM b WHERE b.k = a.k) AS s FROM a$$),
  ('compared', $$SELECT * FROM a WHERE v > (SELECT avg(w) FROM b WHERE b.k = a.k)$$),
  ('one_row', $$SELECT *, (SELECT k FROM b WHERE b.id = a.id) AS z FROM a$$),
  ('arrays', $$SELECT *, ARRAY(SELECT w FROM b WHERE b.k = a.k ORDER BY w DESC, id) AS r FROM a$$),
  ('arrays_of_groups', $$SELECT *, ARRAY(SELECT w FROM b WHERE b.k = a.k GROUP BY w, id % 2 ORDER BY w DESC) AS r, ARRAY(SELECT a.v FROM b GROUP BY k) AS s FROM a$$),
  ('arrays_of_distinct_groups', $$SELECT *, ARRAY(SELECT DISTINCT count(*) FROM b WHERE b.k <= a.k GROUP BY w ORDER BY 1 DESC) AS r, ARRAY(SELECT DISTINCT grouping(w) FROM b GROUP BY ROLLUP (k, w) ORDER BY 1) AS s FROM a$$),
  ('arrays_of_distinct_windows', $$SELECT *, ARRAY(SELECT DISTINCT count(*) OVER (PARTITION BY w) FROM b WHERE b.k >= a.k ORDER BY 1) AS r, ARRAY(SELECT DISTINCT ON (w) k FROM b ORDER BY w, id DESC) AS s FROM a$$),
  ('of_domains', $$SELECT d.id, (SELECT count(*) FROM b WHERE b.k + d.s > b.w OR d.t = b.w::text) AS n FROM d$$),
  ('in_aggregates', $$SELECT v, count(*), sum((SELECT w FROM b WHERE b.id = a.k)) FROM a GROUP BY v HAVING count(*) > (SELECT min(w) FROM b WHERE b.k = a.v)$$),
  ('nested', $$SELECT a.id, (SELECT count(*) FROM b WHERE b.k = a.k AND EXISTS (SELECT FROM a c WHERE c.v = b.w AND c.id > a.id)) AS n FROM a$$),
  ('of_unions', $$SELECT a.id, (SELECT string_agg(x::text, chr(44) ORDER BY x) FROM (SELECT w AS x FROM b WHERE b.k = a.k UNION ALL SELECT w FROM b WHERE w = a.v UNION SELECT 9) u) AS l FROM a$$),
  ('of_except', $$SELECT a.id, (SELECT string_agg(x::text, chr(44) ORDER BY x) FROM (SELECT w AS x FROM b WHERE b.k = a.k EXCEPT SELECT v FROM a c WHERE c.k = a.k) u) AS l FROM a$$),
  ('in_case', $$SELECT a.id, CASE WHEN a.v > 2 THEN (SELECT max(w) FROM b WHERE k > a.k) ELSE -1 END AS c FROM a$$),
  ('of_outer_aggregates', $$SELECT v, (SELECT count(*) FROM b WHERE b.w = a.v) AS n, (SELECT max(b.id) FROM b WHERE b.w < sum(a.k)) AS m FROM a GROUP BY v$$),
  ('rows_compared', $$SELECT a.id FROM a WHERE (v, k) = (SELECT w, k FROM b WHERE b.id = a.id)$$),
  ('rows_that_differ', $$SELECT a.id, (v, k) <> (SELECT w, k FROM b WHERE b.id = a.id) OR v IS NULL AS c FROM a WHERE (v, k) <> (SELECT w, k FROM b WHERE b.id = a.id) OR id > 7$$),
  ('rows_that_do_not', $$SELECT a.id FROM a WHERE ((v, k) = (SELECT w, k FROM b WHERE b.id = a.id) AND id < 9) IS NOT TRUE$$),
  ('of_left_join', $$SELECT a.id, (SELECT count(*) FROM a x LEFT JOIN b y ON x.k = y.k AND y.w = a.v WHERE x.v = a.v) AS n FROM a$$),
  ('of_right_join', $$SELECT a.id, (SELECT count(*) FROM a x RIGHT JOIN b y ON x.k = y.k AND x.v = a.v) AS n FROM a$$),
  ('of_full_join', $$SELECT a.id, (SELECT count(*) FROM a x FULL JOIN (SELECT * FROM b WHERE w <> a.v) y ON x.k = y.k) AS n FROM a$$),
  ('of_distinct', $$SELECT a.id, (SELECT count(*) FROM (SELECT DISTINCT k FROM b WHERE w <= a.v) u) AS n FROM a$$),
  ('of_cte', $$SELECT a.id, (WITH c AS (SELECT k FROM b WHERE w <= a.v) SELECT count(*) FROM c JOIN c d USING (k)) AS n FROM a$$),
  ('of_cte_from_within', $$SELECT id, (WITH d AS (SELECT w FROM b WHERE b.k > a.k) SELECT count(*) FROM a c WHERE c.id IN (SELECT w FROM d)) AS n FROM a$$),
  ('of_outer_cte', $$WITH c AS (SELECT k, max(w) AS m FROM b GROUP BY k) SELECT a.id, (SELECT m FROM c WHERE c.k = a.k) AS m, EXISTS (SELECT FROM c WHERE m > a.v) AS e FROM a$$),
  ('of_functions', $$SELECT a.id, (SELECT sum(g) FROM generate_series(1, a.v) g) AS s FROM a$$),
  ('of_first_row', $$SELECT a.id, (SELECT b.id FROM b WHERE b.k = a.k ORDER BY b.w, b.id LIMIT 1) AS f FROM a$$),
  ('of_windows', $$SELECT a.id, (SELECT max(r) FROM (SELECT rank() OVER (ORDER BY w) AS r FROM b WHERE b.k = a.k) u) AS r FROM a$$),
  ('in_windows', $$SELECT a.id, row_number() OVER (PARTITION BY (SELECT max(w) FROM b WHERE b.k = a.k) ORDER BY a.id) AS r FROM a$$),
  ('as_key', $$SELECT (SELECT max(w) FROM b WHERE b.k = a.k) AS m, count(*) FROM a GROUP BY 1$$),
  ('unread', $$SELECT x.v FROM (SELECT v, lead(bool_or(k IN (SELECT w FROM b))) OVER (ORDER BY bool_or(k IN (SELECT w FROM b)), count((SELECT k FROM b WHERE b.id = a.id))) AS l, sum((SELECT w FROM b WHERE b.id = a.k)) AS s FROM a GROUP BY v) x$$),
  ('on_join', $$SELECT a.id FROM a JOIN b ON a.k = b.k AND a.v < (SELECT max(w) FROM b c WHERE c.k = b.k)$$);
SELECT pgtrickle.create_stream_table('subquery_values.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
-- rows_of_the_subquery_appear_one_with_null
INSERT INTO b VALUES (100, 5, 2), (101, NULL, 1), (102, 3, 0);
SELECT * FROM test.wrong('kept');
-- its_last_null_goes
DELETE FROM b WHERE k IS NULL;
SELECT * FROM test.wrong('kept');
-- both_sides_change
UPDATE a SET k = 3 WHERE k IS NULL;
UPDATE b SET w = w + 1 WHERE id % 3 = 0;
SELECT * FROM test.wrong('kept');
-- a_row_comes_and_goes_between_two_refreshes
INSERT INTO b VALUES (103, 1, 4);
DELETE FROM b WHERE id = 103;
SELECT * FROM test.wrong('kept');
-- nearly_nothing_is_left_beside_outer_nulls
DELETE FROM b WHERE id > 3;
INSERT INTO a VALUES (200, NULL, NULL), (201, NULL, 1);
SELECT * FROM test.wrong('kept');
-- the_subquery_has_no_row
DELETE FROM b;
SELECT * FROM test.wrong('kept');
-- it_is_filled_again
INSERT INTO b SELECT g, g % 5, g % 6 FROM generate_series(1, 20) g;
DELETE FROM a WHERE id % 2 = 0;
SELECT * FROM test.wrong('kept');
-- there_is_no_outer_row
DELETE FROM a;
SELECT * FROM test.wrong('kept');

-- a_second_row_fails_the_refresh_where_it_is_read
\set SHOW_CONTEXT never
INSERT INTO a VALUES (1, 1, 1), (2, 2, 2);
DELETE FROM b;
INSERT INTO b VALUES (1, 1, 10), (2, 3, 1), (3, 3, 2);
SELECT pgtrickle.create_stream_table('subquery_values.read', 'SELECT id, (SELECT w FROM b WHERE b.k = a.k) AS w FROM a WHERE v < 5', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('subquery_values.not_read', 'SELECT id, CASE WHEN id > 1 THEN (SELECT w FROM b WHERE b.k = a.k) END AS w FROM a', '520w', 'DIFFERENTIAL') \g /dev/null
INSERT INTO a VALUES (3, 3, 9);
UPDATE a SET k = 9 WHERE id = 3;
INSERT INTO b VALUES (4, 1, 11);
SELECT pgtrickle.refresh_stream_table('subquery_values.read');
SELECT pgtrickle.refresh_stream_table('subquery_values.not_read');
SELECT * FROM not_read ORDER BY id;
DELETE FROM b WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('subquery_values.read');
SELECT * FROM read ORDER BY id;

-- equal_values_show_their_own_image
CREATE TABLE c (id int PRIMARY KEY, n numeric, f float8);
INSERT INTO c VALUES (1, 1.0, 0), (2, 1.00, '-0'), (3, NULL, NULL), (4, 2.5, 1);
INSERT INTO b VALUES (8, 2, 3), (9, 1, NULL);
INSERT INTO kept VALUES
  ('shown', 'SELECT id, (SELECT count(*) || '':'' || c.n || '':'' || c.f FROM b WHERE b.k >= c.n) AS t FROM c'),
  ('shown_below', 'SELECT id, (SELECT (SELECT min(c.n::text || b.id) FROM b WHERE b.k > count(d.w)) FROM b d WHERE d.k >= c.n) AS t FROM c'),
  ('shown_in_from', 'SELECT id, x.m::text AS m, x.k FROM c LEFT JOIN LATERAL (SELECT c.n AS m, count(*) AS k FROM b WHERE b.k >= c.n GROUP BY 1) x ON true');
SELECT pgtrickle.create_stream_table('subquery_values.' || name, query, '520w', 'DIFFERENTIAL') FROM kept WHERE name LIKE 'shown%' \g /dev/null
INSERT INTO c VALUES (5, 2.50, 1), (6, 1.000, 0);
DELETE FROM b WHERE k = 3;
SELECT * FROM test.wrong('kept');
DELETE FROM c WHERE id = 1;
UPDATE c SET n = n * 1.0 WHERE id > 4;
SELECT * FROM test.wrong('kept');

-- arrays_of_vectors
CREATE TABLE v (id int PRIMARY KEY, o oidvector, i int2vector);
INSERT INTO v VALUES (1, '1 2', '3 4'), (2, '5', '');
SELECT pgtrickle.create_stream_table('subquery_values.oids', 'SELECT id, ARRAY(SELECT o FROM v x ORDER BY x.id) AS r FROM v', '520w', 'AUTO'),
       pgtrickle.create_stream_table('subquery_values.ints', 'SELECT id, ARRAY(SELECT i FROM v x WHERE x.id = v.id) AS r FROM v', '520w', 'AUTO') \g /dev/null
SELECT * FROM oids JOIN ints USING (id) ORDER BY id;

-- all_of_it_by_deltas
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('subquery_values.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA subquery_values CASCADE;
