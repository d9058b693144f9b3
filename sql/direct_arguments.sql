-- Direct arguments of ordered-set and hypothetical-set aggregates: evaluated once for each group.
SET client_min_messages = warning;
CREATE SCHEMA direct_arguments;
SET search_path = direct_arguments;
CREATE TABLE a (id int PRIMARY KEY, k int, x int, f float8);
CREATE TABLE b (x int, y int);
CREATE TABLE c (k int, v int);
INSERT INTO a SELECT i, i % 4, i % 5, i * 3 FROM generate_series(1, 30) i;
INSERT INTO b SELECT i % 5, i FROM generate_series(1, 40) i;
INSERT INTO c SELECT i, i * 4 FROM generate_series(0, 3) i;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('determined', 'SELECT a.id, percentile_cont(a.f / 100.0) WITHIN GROUP (ORDER BY b.y) AS p FROM a JOIN b ON b.x = a.x GROUP BY a.id'),
  ('of_keys', 'SELECT k + 1 AS k1, rank(k + 1) WITHIN GROUP (ORDER BY id) AS p FROM a GROUP BY k + 1'),
  ('uncorrelated', 'SELECT k, rank((SELECT count(*) FROM c)) WITHIN GROUP (ORDER BY id) AS p FROM a GROUP BY k'),
  ('correlated', 'SELECT k, rank((SELECT v FROM c WHERE c.k = a.k)) WITHIN GROUP (ORDER BY id) AS p FROM a GROUP BY k'),
  ('had', 'SELECT k FROM a GROUP BY k HAVING rank((SELECT v FROM c WHERE c.k = a.k)) WITHIN GROUP (ORDER BY id) > 2'),
  ('rolled_up', 'SELECT k, percentile_disc(array_length(ARRAY[k], 1) / 2.0) WITHIN GROUP (ORDER BY id) AS p, rank(k) WITHIN GROUP (ORDER BY x) AS q FROM a GROUP BY ROLLUP(k)'),
  ('sets', 'SELECT k, x, rank(k) WITHIN GROUP (ORDER BY id) AS p, rank(x, 1) WITHIN GROUP (ORDER BY id, k) AS q FROM a GROUP BY GROUPING SETS ((k), (x), (k, x), ())'),
  ('in_subquery', 'SELECT c.k, (SELECT rank(c.v) WITHIN GROUP (ORDER BY id) FROM a WHERE a.k = c.k) AS p FROM c'),
  ('of_outer_query', 'SELECT k, (SELECT rank((SELECT max(v) FROM c WHERE c.k < o.k)) WITHIN GROUP (ORDER BY id) FROM a WHERE a.k = o.k) AS p FROM c o'),
  ('of_outer_set', 'SELECT c.k, s.* FROM c, LATERAL (SELECT x, rank(c.v) WITHIN GROUP (ORDER BY id) AS p, rank(x) WITHIN GROUP (ORDER BY id) AS q FROM a WHERE a.k < c.k GROUP BY ROLLUP (x)) s');
SELECT pgtrickle.create_stream_table('direct_arguments.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- values_without_equality_are_refused
CREATE TABLE documents (id int PRIMARY KEY, j json);
SELECT pgtrickle.create_stream_table('direct_arguments.refused', 'SELECT d.id, percentile_cont((d.j ->> 0)::float8) WITHIN GROUP (ORDER BY y) AS p FROM documents d, b GROUP BY d.id', '1d', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('direct_arguments.of_documents', 'SELECT d.id, percentile_cont((d.j ->> 0)::float8) WITHIN GROUP (ORDER BY y) AS p FROM documents d, b GROUP BY d.id', '1d');
-- an_aggregate_of_all_rows_exists_without_rows
SELECT pgtrickle.create_stream_table('direct_arguments.refused', 'SELECT rank((SELECT count(*) FROM c)) WITHIN GROUP (ORDER BY id) AS p FROM a', '1d', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('direct_arguments.refused', 'SELECT k, rank((SELECT count(*) FROM c)) WITHIN GROUP (ORDER BY id) AS p FROM a GROUP BY ROLLUP (k)', '1d', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('direct_arguments.by_full', 'SELECT rank((SELECT count(*) FROM c)) WITHIN GROUP (ORDER BY id) AS p FROM a', '1d');
-- filled
SELECT * FROM test.wrong('kept', true);
-- changed
DELETE FROM a WHERE id % 7 = 0;
INSERT INTO b VALUES (1, 100), (2, -3);
UPDATE c SET v = v + 5 WHERE k = 2;
INSERT INTO c VALUES (9, 9);
SELECT * FROM test.wrong('kept', true);
UPDATE a SET f = f / 2, k = k + 1 WHERE id < 9;
DELETE FROM c WHERE k = 1;
SELECT * FROM test.wrong('kept', true);
-- nothing_is_left
DELETE FROM a;
SELECT * FROM test.wrong('kept', true);
TABLE sets;
-- by_deltas_alone
SELECT name, action, count(*) FROM kept, pgtrickle.get_refresh_history('direct_arguments.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA direct_arguments CASCADE;
