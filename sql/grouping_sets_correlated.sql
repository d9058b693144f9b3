-- GROUPING SETS in correlated subqueries: the empty set has its row for each outer row.
SET client_min_messages = warning;
CREATE SCHEMA grouping_sets_correlated;
SET search_path = grouping_sets_correlated;
CREATE TABLE a (id int PRIMARY KEY, k int, v int);
CREATE TABLE b (id int PRIMARY KEY, k int, w int, n numeric);
INSERT INTO a SELECT g, nullif(g % 7, 3), g % 5 FROM generate_series(1, 20) g;
INSERT INTO b SELECT g, nullif(g % 9, 4), nullif(g % 4, 1), g / 4.0 FROM generate_series(1, 12) g;
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('rolled_up', 'SELECT a.id, q.* FROM a, LATERAL (SELECT w, count(*) AS n, sum(n) AS s, grouping(w) AS g FROM b WHERE b.k = a.k GROUP BY ROLLUP (w)) q'),
  ('cubed', 'SELECT a.id, q.* FROM a LEFT JOIN LATERAL (SELECT w, id % 2 AS odd, max(n) AS m, array_agg(b.id ORDER BY b.id) AS l, grouping(w, id % 2) AS g FROM b WHERE b.k = a.k OR b.w > a.v GROUP BY CUBE (w, id % 2)) q ON q.odd IS DISTINCT FROM 0'),
  ('sets', 'SELECT a.id, ARRAY(SELECT count(*) || coalesce(w::text, chr(45)) FROM b WHERE b.k = a.k GROUP BY GROUPING SETS ((), (w), ()) ORDER BY 1) AS r FROM a'),
  ('hidden', 'SELECT a.id FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k GROUP BY ROLLUP (w) HAVING count(*) = 0 OR max(w) > a.v)'),
  ('having_subquery', 'SELECT a.id, q.* FROM a, LATERAL (SELECT w, count(*) AS n FROM b WHERE b.k = a.k GROUP BY ROLLUP (w) HAVING count(*) <> (SELECT count(*) FROM a c WHERE c.v = a.v)) q'),
  ('only_keys', 'SELECT a.id, q.* FROM a, LATERAL (SELECT w FROM b WHERE b.k = a.k GROUP BY ROLLUP (w)) q'),
  ('constants', 'SELECT a.id, q.* FROM a, LATERAL (SELECT 1 AS one, a.v FROM b WHERE b.k = a.k GROUP BY GROUPING SETS ((), (w))) q'),
  ('in_list', 'SELECT a.id, a.v IN (SELECT max(w) FROM b WHERE b.k = a.k GROUP BY ROLLUP (n)) AS i FROM a'),
  ('first_rows', 'SELECT a.id, (SELECT count(*) FROM b WHERE b.k = a.k GROUP BY ROLLUP (w) ORDER BY grouping(w) DESC LIMIT 1) AS n FROM a'),
  ('of_functions', 'SELECT a.id, q.* FROM a, LATERAL (SELECT generate_series(1, w) AS g, count(*) AS n, sum(w) AS s FROM b WHERE b.k = a.k GROUP BY ROLLUP (1)) q'),
  ('of_subqueries', 'SELECT a.id, q.* FROM a, LATERAL (SELECT w, sum((SELECT count(*) FROM a c WHERE c.v = b.w)) AS n FROM b WHERE b.k = a.k GROUP BY ROLLUP (w)) q'),
  ('of_outer_aggregates', 'SELECT v, (SELECT count(*) FROM b WHERE b.w < sum(a.k) GROUP BY CUBE (w) ORDER BY w NULLS FIRST, 1 DESC LIMIT 1) AS n FROM a GROUP BY v'),
  ('of_unions', 'SELECT a.id, q.* FROM a, LATERAL (SELECT count(*), w FROM b WHERE b.k = a.k GROUP BY ROLLUP (w) EXCEPT ALL SELECT 1, v FROM a c WHERE c.k = a.k) q'),
  ('outer_keys', 'SELECT a.id, q.* FROM a, LATERAL (SELECT a.k, a.k + 1 AS l, w, count(*), sum(a.k + w) FROM b WHERE b.k = a.k GROUP BY CUBE (a.k, w) HAVING a.k IS NULL OR w > 0) q'),
  ('unread', 'SELECT a.id FROM a, LATERAL (SELECT w, count((SELECT c.v FROM a c WHERE c.id = b.n)) FROM b GROUP BY ROLLUP (w)) q WHERE q.w = a.v'),
  ('nested', 'SELECT a.id, (SELECT sum(n) FROM (SELECT w, count(*) AS n FROM b WHERE b.k = a.k GROUP BY ROLLUP (w)) q WHERE w IS NULL OR w < a.v) AS n FROM a');
SELECT pgtrickle.create_stream_table('grouping_sets_correlated.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
SELECT id, w, n, g FROM rolled_up WHERE id IN (1, 3) ORDER BY id, g, w;
-- rows_appear_one_with_null
INSERT INTO b VALUES (100, 5, 2), (101, NULL, 1), (102, 3, 0);
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
-- only_the_empty_set_has_rows
DELETE FROM b;
SELECT * FROM test.wrong('kept');
SELECT (SELECT count(*) FROM rolled_up) = (SELECT count(*) FROM a) AS one_each, (SELECT count(*) FROM hidden) = (SELECT count(*) FROM a) AS all_empty;
-- it_is_filled_again
INSERT INTO b SELECT g, g % 5, g % 6, g FROM generate_series(1, 20) g;
DELETE FROM a WHERE id % 2 = 0;
SELECT * FROM test.wrong('kept');
-- there_is_no_outer_row
DELETE FROM a;
SELECT * FROM test.wrong('kept');
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('grouping_sets_correlated.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA grouping_sets_correlated CASCADE;
