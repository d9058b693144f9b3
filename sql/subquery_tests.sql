-- EXISTS, IN, ANY and ALL, as conditions and as values, with NULLs on both sides.
SET client_min_messages = warning;
CREATE SCHEMA subquery_tests;
SET search_path = subquery_tests;
CREATE TABLE a (id int PRIMARY KEY, k int, v int);
CREATE TABLE b (id int PRIMARY KEY, k int, w int);
INSERT INTO a SELECT g, nullif(g % 7, 3), g % 5 FROM generate_series(1, 30) g;
INSERT INTO b SELECT g, nullif(g % 9, 4), g % 4 FROM generate_series(1, 12) g;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('exists_key', $$SELECT * FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k)$$),
  ('not_exists_others', $$SELECT * FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.w > a.v)$$),
  ('in_set', $$SELECT * FROM a WHERE k IN (SELECT k FROM b)$$),
  ('in_first_of_each', $$SELECT * FROM a WHERE (k, 1) IN (SELECT DISTINCT ON (o) k, 1 AS o FROM b ORDER BY o, k DESC NULLS LAST)$$),
  ('not_in_set', $$SELECT * FROM a WHERE k NOT IN (SELECT k FROM b)$$),
  ('not_in_without_null', $$SELECT * FROM a WHERE k NOT IN (SELECT k FROM b WHERE k IS NOT NULL)$$),
  ('not_in_keys', $$SELECT * FROM a WHERE id NOT IN (SELECT id FROM b)$$),
  ('as_values', $$SELECT *, k IN (SELECT k FROM b) AS x, EXISTS (SELECT FROM b WHERE b.w = a.v) AS y FROM a$$),
  ('under_or', $$SELECT * FROM a WHERE k IN (SELECT k FROM b WHERE b.w = a.v) OR v = 2$$),
  ('not_in_correlated', $$SELECT *, k NOT IN (SELECT k FROM b WHERE b.w = a.v) AS z FROM a$$),
  ('any_and_all', $$SELECT *, v > ANY (SELECT w FROM b) AS p, v <= ALL (SELECT w FROM b WHERE b.k = a.k) AS q FROM a$$),
  ('in_a_constant', $$SELECT * FROM a WHERE v IN (SELECT 3 FROM b WHERE w = 2)$$),
  ('in_an_aggregate_that_is_not_read', $$SELECT k FROM (SELECT k, count(*) FILTER (WHERE v IN (SELECT a.v FROM b)) AS n FROM a GROUP BY k) q$$),
  ('in_rows', $$SELECT * FROM a WHERE (k, v) IN (SELECT k, w FROM b)$$),
  ('not_in_rows', $$SELECT * FROM a WHERE (k, v) NOT IN (SELECT k, w FROM b)$$),
  ('rows_as_values', $$SELECT *, (k, v) IN (SELECT k, w FROM b) AS x FROM a$$),
  ('division', $$SELECT * FROM a WHERE NOT EXISTS (SELECT FROM b WHERE NOT EXISTS (SELECT FROM a c WHERE c.k = a.k AND c.v = b.w))$$),
  ('on_left_join', $$SELECT a.id, b.id AS bid FROM a LEFT JOIN b ON a.k = b.k AND EXISTS (SELECT FROM b c WHERE c.w = a.v)$$),
  ('uncorrelated', $$SELECT * FROM a WHERE EXISTS (SELECT FROM b) AND NOT EXISTS (SELECT FROM b WHERE w = 77)$$),
  ('below_full_join', $$SELECT a.id, x.w FROM a FULL JOIN (SELECT DISTINCT w FROM b WHERE EXISTS (SELECT FROM a WHERE a.v = b.w)) x ON x.w = a.v$$),
  ('rows_unlike_any', $$SELECT *, (v, k) <> ANY (SELECT w, k FROM b) AS p, NOT (v, NULL::int) <> ANY (SELECT w, k FROM b) AS q FROM a WHERE (v, k) <> ANY (SELECT w, k FROM b WHERE b.id < a.id) OR id > 20$$),
  ('rows_like_all', $$SELECT * FROM a WHERE ((v, k) <> ANY (SELECT w, k FROM b WHERE b.w = a.v AND b.id > 3)) IS NOT TRUE$$),
  ('of_a_function', $$SELECT a.id, g FROM a, LATERAL generate_series(1, a.v) g WHERE g IN (SELECT w FROM b WHERE b.k = a.k)$$),
  ('groups_behind', $$SELECT a.id, NOT EXISTS (SELECT b.w FROM b WHERE b.k = a.k GROUP BY b.w ORDER BY b.w LIMIT 1 OFFSET 1) AS n FROM a$$),
  ('groups_from_computed', $$SELECT a.id FROM a WHERE EXISTS (SELECT b.w FROM b WHERE b.k = a.k GROUP BY b.w ORDER BY b.w OFFSET a.v)$$),
  ('first_of_each', $$SELECT DISTINCT ON (v) v, id, EXISTS (SELECT FROM b WHERE b.k = a.k) AS e FROM a ORDER BY v, id$$);
SELECT pgtrickle.create_stream_table('subquery_tests.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
-- rows_of_the_subquery_appear_one_with_null
INSERT INTO b VALUES (100, 5, 2), (101, NULL, 1), (102, 3, 0), (104, 5, 2);
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

-- all_of_it_by_deltas
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('subquery_tests.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA subquery_tests CASCADE;
