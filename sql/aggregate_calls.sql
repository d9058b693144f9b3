-- Aggregates of any kind: the call as a whole is recomputed for the groups that changed.
SET client_min_messages = warning;
CREATE SCHEMA aggregate_calls;
SET search_path = aggregate_calls;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE DOMAIN small AS int CHECK (VALUE < 1000);
CREATE TABLE t (id int PRIMARY KEY, g text, n int, m numeric, f float8, b bool, s text, d date, e mood, r int4range, x small);
INSERT INTO t SELECT i, nullif('g' || i % 5, 'g4'), nullif(i % 7, 3), (i % 11) / 4.0, i % 13, i % 2 = 0, chr(97 + i % 9), '2024-01-01'::date + i % 20,
  (ARRAY['sad', 'ok', 'glad'])[1 + i % 3]::mood, int4range(i, i + 1 + i % 4), i FROM generate_series(1, 60) i;
CREATE INDEX ON t (g);

CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('arrays', 'SELECT g, array_agg(n ORDER BY id), array_agg(DISTINCT n) AS dn, array_agg(e ORDER BY e DESC, id) AS ae, array_agg(ARRAY[n, id] ORDER BY id) AS a2, array_agg(x ORDER BY x) AS ax FROM t GROUP BY g'),
  ('strings', 'SELECT g, string_agg(s, '','' ORDER BY s COLLATE "C", id) AS a, string_agg(DISTINCT s, ''#1 '' ORDER BY s) FILTER (WHERE b) AS c, string_agg(s::bytea, '''' ORDER BY id) AS y FROM t GROUP BY g'),
  ('jsons', 'SELECT g, json_agg(n ORDER BY id) AS j, jsonb_agg(s ORDER BY id DESC), json_object_agg(id, m ORDER BY id) AS o, jsonb_object_agg(s, n ORDER BY id), xmlagg(xmlelement(name v, n) ORDER BY id) FROM t GROUP BY g'),
  ('booleans', 'SELECT g, bool_and(b), bool_or(b), every(n > 1), bit_and(n), bit_or(n), bit_xor(id), bool_and(n > 0) FILTER (WHERE n IS NOT NULL) AS f FROM t GROUP BY g'),
  ('statistics', 'SELECT g, variance(n), var_pop(m), stddev(id), corr(n, id ORDER BY id), regr_slope(id, f ORDER BY id), regr_count(n, f), stddev(f ORDER BY id) AS sf FROM t GROUP BY g'),
  ('ordered_sets', 'SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY n), percentile_disc(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY m) AS pd, mode() WITHIN GROUP (ORDER BY x), percentile_cont(0.25) WITHIN GROUP (ORDER BY n * interval ''1 day'') AS pi FROM t GROUP BY g'),
  ('hypothetical', 'SELECT g, rank(3) WITHIN GROUP (ORDER BY n), dense_rank(2, 1.5) WITHIN GROUP (ORDER BY n DESC NULLS LAST, m), percent_rank(4) WITHIN GROUP (ORDER BY id), cume_dist(g) WITHIN GROUP (ORDER BY s) AS cd FROM t GROUP BY g'),
  ('ranges', 'SELECT g, range_agg(r ORDER BY id), range_intersect_agg(r ORDER BY id) FROM t GROUP BY g'),
  ('distincts', 'SELECT g, count(DISTINCT n), sum(DISTINCT m), avg(DISTINCT n), min(DISTINCT n), count(DISTINCT (n, b)) AS pairs, sum(f ORDER BY id) AS sf, sum(n ORDER BY id) AS sn FROM t GROUP BY g'),
  ('distincts_of_all', 'SELECT count(DISTINCT n) AS n, count(*), sum(DISTINCT n), avg(DISTINCT x), count(DISTINCT (n, b)) AS pairs, count(DISTINCT m) AS m, count(DISTINCT n) FILTER (WHERE 10 / id > 0) AS f, count(DISTINCT x) FILTER (WHERE b) AS x, max(DISTINCT s), variance(n), bool_or(b) FILTER (WHERE 10 / id > 0), sum(m) AS total FROM t'),
  ('distincts_alone', 'SELECT count(DISTINCT g) AS g, count(DISTINCT r) AS r FROM t'),
  ('distincts_of_sets', 'SELECT g, count(DISTINCT n) FROM t GROUP BY ROLLUP (g)'),
  ('distincts_beside_whole', 'SELECT count(DISTINCT n), array_agg(id ORDER BY id) FROM t'),
  ('distincts_of_queries', 'SELECT id, (SELECT count(DISTINCT b.n) FROM t b WHERE b.g = a.g) AS c, (SELECT count(DISTINCT g) FROM t) AS kinds FROM t a'),
  ('distincts_in_having', 'SELECT sum(n) FROM t HAVING count(DISTINCT s) > 20 AND count(DISTINCT ROW(s)) > 2'),
  ('of_all', 'SELECT array_agg(id ORDER BY id), percentile_disc(0.5) WITHIN GROUP (ORDER BY n), count(*), max(m) FROM t WHERE n > 2'),
  ('over_expressions', 'SELECT n % 2 AS k, string_agg(g || s, '''' ORDER BY id) || ''!'' AS t, cardinality(array_agg(id)) AS c, percentile_cont((n % 2) / 2.0) WITHIN GROUP (ORDER BY m) FROM t GROUP BY n % 2 HAVING count(DISTINCT s) > 1 AND max(id) < 1000'),
  ('determined', 'SELECT a.id, a.s, array_agg(b.id ORDER BY b.id) FROM t a LEFT JOIN t b ON b.n = a.id GROUP BY a.id'),
  ('of_aggregates', 'SELECT c, array_agg(g ORDER BY g) FROM (SELECT g, count(DISTINCT n) AS c, array_agg(n ORDER BY id) AS a FROM t GROUP BY g) q GROUP BY c');
SELECT pgtrickle.create_stream_table('aggregate_calls.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- compared as texts, because not every type has an equality

-- filled
SELECT * FROM test.wrong('kept', true);
-- inserted
INSERT INTO t SELECT i, 'g' || i % 8, i % 5, i / 8.0, -i, i % 3 = 0, chr(97 + i % 20), '2024-02-01', 'sad', 'empty', i FROM generate_series(61, 80) i;
SELECT * FROM test.wrong('kept', true);
-- updated_between_groups_and_within
UPDATE t SET g = 'g1' WHERE id IN (5, 7, 11);
UPDATE t SET n = n + 1, s = upper(s) WHERE id % 9 = 0;
UPDATE t SET g = NULL, m = m * 1.000 WHERE id IN (20, 21);
SELECT * FROM test.wrong('kept', true);
-- last_rows_of_groups_deleted
DELETE FROM t WHERE g IS NULL OR g = 'g7';
DELETE FROM t WHERE id % 4 = 1;
SELECT * FROM test.wrong('kept', true);
-- inserted_and_deleted_between_refreshes
INSERT INTO t (id, g) VALUES (900, 'new'), (901, 'g1');
DELETE FROM t WHERE id >= 900;
SELECT * FROM test.wrong('kept', true);
-- all_deleted_and_back
CREATE TABLE saved AS TABLE t;
DELETE FROM t;
SELECT * FROM test.wrong('kept', true);
SELECT array_agg, percentile_disc, count, max FROM of_all;
INSERT INTO t TABLE saved;
SELECT * FROM test.wrong('kept', true);
-- by_deltas_alone
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('aggregate_calls.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA aggregate_calls CASCADE;
