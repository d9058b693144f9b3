-- HAVING, or GROUP BY (), without keys and aggregates: one row at most, for which FROM and WHERE are not evaluated.
SET client_min_messages = warning;
CREATE SCHEMA groups_of_no_rows;
SET search_path = groups_of_no_rows;
CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE TABLE u (id int PRIMARY KEY, w int);
INSERT INTO t VALUES (1, 1), (2, 0);
INSERT INTO u VALUES (1, 3);
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('having', $$SELECT 1 AS x FROM t WHERE 1 / v > 0 HAVING true$$),
  ('having_false', $$SELECT 1 AS x FROM t WHERE 1 / v > 0 HAVING false$$),
  ('having_of_another_table', $$SELECT (SELECT max(w) FROM u) AS x FROM t WHERE 1 / v > 0 HAVING (SELECT count(*) > 1 FROM u)$$),
  ('empty_set', $$SELECT 2 AS x FROM t WHERE 1 / v > 0 GROUP BY ()$$),
  ('empty_sets', $$SELECT 3 AS x FROM t JOIN u ON u.w = 1 / t.v GROUP BY GROUPING SETS ((), ())$$),
  ('correlated', $$SELECT u.id, (SELECT u.w FROM t WHERE 1 / v > u.w HAVING u.w > 3) AS x FROM u$$),
  ('a_window', $$SELECT count(*) OVER () AS x FROM t, u WHERE 1 / v > 0 HAVING true$$),
  ('a_set', $$SELECT generate_series(1, 3) AS x FROM t WHERE 1 / v > 0 HAVING true$$);
SELECT pgtrickle.create_stream_table('groups_of_no_rows.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- filled
SELECT * FROM test.wrong('kept');
TABLE "having";
-- rows_change
INSERT INTO t VALUES (3, 0);
INSERT INTO u VALUES (2, 7);
SELECT * FROM test.wrong('kept');
TABLE having_of_another_table;
-- there_are_no_rows
DELETE FROM t;
DELETE FROM u WHERE id = 1;
SELECT * FROM test.wrong('kept');
TABLE "having";
DROP SCHEMA groups_of_no_rows CASCADE;
