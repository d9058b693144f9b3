-- USING and NATURAL: the columns that a join merges, in every place where they can be read.
SET client_min_messages = warning;
CREATE SCHEMA merged_columns;
SET search_path = merged_columns;
CREATE TABLE l (k int, m numeric, a text);
CREATE TABLE r (k bigint, m numeric, b text);
CREATE TABLE s (k int, c text);
INSERT INTO l VALUES (1, 1.0, 'l1'), (2, 2, 'l2'), (2, 2.00, 'l2'), (NULL, 3, 'l3'), (4, NULL, 'l4');
INSERT INTO r VALUES (1, 1, 'r1'), (2, 2.0, 'r2'), (3, 3, 'r3'), (NULL, 3, 'r4');
INSERT INTO s VALUES (1, 's1'), (3, 's3'), (5, 's5'), (NULL, 's6');
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('inner_using', 'SELECT k, a, b FROM l JOIN r USING (k)'),
  ('left_using', 'SELECT k, l.k AS lk, r.k AS rk, a, b FROM l LEFT JOIN r USING (k)'),
  ('right_using', 'SELECT k, a, b FROM l RIGHT JOIN r USING (k)'),
  ('full_using', 'SELECT k, l.k AS lk, r.k AS rk, a, b FROM l FULL JOIN r USING (k)'),
  ('full_natural', 'SELECT k, trim_scale(m) AS m, a, b FROM l NATURAL FULL JOIN r'),
  ('natural_without_common', 'SELECT a, x FROM l NATURAL JOIN (SELECT c AS x FROM s) y'),
  ('three', 'SELECT k, a, b, c FROM l FULL JOIN r USING (k) FULL JOIN s USING (k)'),
  ('nested', 'SELECT k, a, b, c FROM l FULL JOIN (r FULL JOIN s USING (k)) USING (k)'),
  ('by_alias', 'SELECT j.k, l.a, r.b FROM l FULL JOIN r USING (k) AS j'),
  ('as_key', 'SELECT k, count(*) AS n, count(a) AS na FROM l FULL JOIN r USING (k) GROUP BY k'),
  ('as_rolled_up_key', 'SELECT k, grouping(k) AS g, count(*) AS n FROM l FULL JOIN r USING (k) GROUP BY ROLLUP (k)'),
  ('as_partition', 'SELECT k, row_number() OVER (PARTITION BY k ORDER BY a, b, l.m::text) AS n FROM l FULL JOIN r USING (k)'),
  ('in_where', 'SELECT a, b FROM l FULL JOIN r USING (k) WHERE k > 1 OR k IS NULL'),
  ('in_subquery', 'SELECT a, b, (SELECT count(*) FROM s WHERE s.k >= j.k) AS n FROM l FULL JOIN r USING (k) AS j'),
  ('in_exists', 'SELECT a, b FROM l FULL JOIN r USING (k) AS j WHERE NOT EXISTS (SELECT FROM s WHERE s.k = j.k)'),
  ('in_function', 'SELECT j.k, a, b, g FROM l FULL JOIN r USING (k) AS j, LATERAL generate_series(1, j.k) g'),
  ('in_function_left', 'SELECT j.k, g FROM (l FULL JOIN r USING (k) AS j) LEFT JOIN LATERAL generate_series(2, j.k) g ON true'),
  ('in_values', 'SELECT a, b, v FROM l FULL JOIN r USING (k) AS j, LATERAL (VALUES (j.k), (j.k + 1)) x(v)'),
  ('in_lateral', 'SELECT a, b, c FROM l FULL JOIN r USING (k) AS j, LATERAL (SELECT c FROM s WHERE s.k <= j.k ORDER BY s.k DESC, c LIMIT 1) x'),
  ('whole_row', 'SELECT x::text AS x, x.k FROM (SELECT * FROM l FULL JOIN r USING (k)) x(k, m, a, m2, b)'),
  ('all_columns', 'SELECT * FROM s NATURAL LEFT JOIN l');
SELECT pgtrickle.create_stream_table('merged_columns.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
-- partners_come
INSERT INTO l VALUES (3, 3.0, 'l5'), (5, 5, 'l6');
INSERT INTO r VALUES (4, 4, 'r5'), (2, 2, 'r6');
SELECT * FROM test.wrong('kept');
-- keys_change_on_both_sides
UPDATE l SET k = k + 1;
UPDATE r SET k = nullif(k, 2);
UPDATE s SET k = 4 WHERE c = 's6';
SELECT * FROM test.wrong('kept');
-- partners_go
DELETE FROM r WHERE b IN ('r1', 'r5');
DELETE FROM l WHERE a = 'l1';
SELECT * FROM test.wrong('kept');
-- one_side_is_emptied
DELETE FROM l;
SELECT * FROM test.wrong('kept');
DELETE FROM r;
INSERT INTO l VALUES (7, 7, 'l7');
SELECT * FROM test.wrong('kept');
SELECT DISTINCT h.action FROM kept, pgtrickle.get_refresh_history('merged_columns.' || kept.name, 100) h ORDER BY 1;
DROP SCHEMA merged_columns CASCADE;
