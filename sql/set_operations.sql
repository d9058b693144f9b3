-- INTERSECT and EXCEPT, with and without ALL, mixed with UNION and nested.
SET client_min_messages = warning;
CREATE SCHEMA set_operations;
SET search_path = set_operations;
CREATE TABLE a (id int PRIMARY KEY, k int, v text);
CREATE TABLE b (id int PRIMARY KEY, k int, v text);
CREATE TABLE c (k numeric, v varchar(5));
INSERT INTO a SELECT g, g % 4, CASE WHEN g % 3 > 0 THEN 'v' || g % 3 END FROM generate_series(1, 20) g;
INSERT INTO b SELECT g, g % 5, CASE WHEN g % 2 > 0 THEN 'v' || g % 3 END FROM generate_series(1, 12) g;
INSERT INTO c VALUES (1.0, 'v1'), (1.00, 'v1'), (2, NULL), (NULL, 'v2'), (NULL, 'v2'), (0.5, 'v1');
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('intersect_rows', 'SELECT k, v FROM a INTERSECT SELECT k, v FROM b'),
  ('intersect_all', 'SELECT k, v FROM a INTERSECT ALL SELECT k, v FROM b'),
  ('except_rows', 'SELECT k, v FROM a EXCEPT SELECT k, v FROM b'),
  ('except_all', 'SELECT k, v FROM a EXCEPT ALL SELECT k, v FROM b'),
  ('of_itself', 'SELECT k FROM a EXCEPT ALL SELECT k FROM a WHERE id > 3'),
  ('mixed', 'SELECT k FROM a UNION SELECT k FROM b EXCEPT SELECT id FROM b INTERSECT SELECT id FROM a WHERE k > 1'),
  ('grouped_otherwise', '(SELECT k FROM a UNION ALL SELECT k FROM b) EXCEPT ALL (SELECT k FROM b INTERSECT ALL SELECT k FROM a)'),
  ('three_intersections', 'SELECT k, v FROM a INTERSECT SELECT k, v FROM b INTERSECT SELECT k::int, v FROM c WHERE k = trunc(k)'),
  ('left_deep_union', 'SELECT k FROM a UNION SELECT k FROM b UNION SELECT id FROM b WHERE k = 1'),
  ('union_in_all', '(SELECT k FROM a UNION SELECT k FROM b) UNION ALL SELECT k FROM a'),
  ('cast', 'SELECT k, v FROM a EXCEPT ALL SELECT k, v FROM c'),
  ('cast_in_two_steps', 'SELECT k FROM a UNION SELECT k FROM b INTERSECT SELECT k FROM c'),
  ('some_columns', 'SELECT x.k FROM (SELECT k, v FROM a EXCEPT SELECT k, v FROM b) x'),
  ('counted', 'SELECT v, count(*) AS n, sum(k) AS s FROM (SELECT k, v FROM a EXCEPT ALL SELECT k, v FROM b) x GROUP BY v'),
  ('joined', 'SELECT a.id, x.k FROM a JOIN (SELECT k FROM a INTERSECT SELECT k FROM b) x ON a.k = x.k'),
  ('with_constants', 'SELECT k FROM a EXCEPT VALUES (1), (NULL)'),
  ('in_a_cte', 'WITH x AS (SELECT k FROM a EXCEPT SELECT id FROM b) SELECT p.k, q.k AS l FROM x p JOIN x q ON p.k >= q.k'),
  ('never_any', 'SELECT k FROM a EXCEPT SELECT k FROM a'),
  ('filtered_outside', 'SELECT k, n FROM (SELECT k, 1 AS n FROM a INTERSECT ALL SELECT k, 1 FROM b) x WHERE k > 0');
SELECT pgtrickle.create_stream_table('set_operations.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
-- a_row_passes_from_one_side_to_the_other
UPDATE b SET k = k - 1 WHERE id % 2 = 0;
INSERT INTO c SELECT k, v FROM a WHERE id < 5;
SELECT * FROM test.wrong('kept');
-- the_last_copy_goes
DELETE FROM b WHERE k = 1;
DELETE FROM a WHERE k = 2;
SELECT * FROM test.wrong('kept');
-- both_sides_change_at_once
INSERT INTO a SELECT g, g % 6, NULL FROM generate_series(21, 30) g;
INSERT INTO b SELECT g, g % 6, NULL FROM generate_series(21, 25) g;
UPDATE c SET k = k + 0.0;
SELECT * FROM test.wrong('kept');
-- a_row_comes_and_goes_between_two_refreshes
INSERT INTO a VALUES (100, 100, 'x');
DELETE FROM a WHERE id = 100;
SELECT * FROM test.wrong('kept');
-- one_side_is_emptied
TRUNCATE b;
SELECT * FROM test.wrong('kept');
INSERT INTO b SELECT * FROM a;
SELECT * FROM test.wrong('kept');
DELETE FROM a;
SELECT * FROM test.wrong('kept');

-- a_union_of_unions_is_stored_once
SELECT k.name, count(*) FILTER (WHERE property ~ '^arrangement \d+$') AS arrangements
FROM kept k, pgtrickle.explain_st('set_operations.' || k.name) WHERE k.name IN ('left_deep_union', 'union_in_all', 'intersect_all', 'intersect_rows') GROUP BY 1 ORDER BY 1;
SELECT value FROM pgtrickle.explain_st('set_operations.except_all') WHERE property = 'operators';
DROP SCHEMA set_operations CASCADE;
