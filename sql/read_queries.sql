-- A stream table in every place of a query where a table can occur: both read routes give the same answers.
CREATE SCHEMA read_queries;
SET search_path = read_queries;
CREATE TABLE sale (id int PRIMARY KEY, region int, qty int);
INSERT INTO sale SELECT i, i % 12, i FROM generate_series(1, 120) i;
CREATE TABLE region (k int PRIMARY KEY, name text);
INSERT INTO region SELECT i, 'region ' || i FROM generate_series(0, 14) i;
-- The groups that HAVING excludes must not be visible.
CREATE FOREIGN TABLE total (k int, n bigint, s bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT region, count(*), sum(qty) FROM sale WHERE region < 10 GROUP BY region HAVING sum(qty) <> 620', schedule '520w');
ANALYZE total;

-- hidden_rows_stay_hidden
SELECT count(*), min(k), max(k) FROM total;
SELECT * FROM total WHERE k = 5 OR s = 620;
SELECT sum(1 / (s - 620)) FROM total;
-- views
-- views_without_tables, which the planner's hook meets in every database
CREATE VIEW months AS SELECT 1 AS m UNION ALL SELECT 2;
CREATE VIEW of_values AS VALUES (1) INTERSECT SELECT 1;
CREATE VIEW of_sets AS (SELECT 1 AS m EXCEPT SELECT 2) UNION SELECT m FROM months;
SELECT * FROM months, of_values, of_sets ORDER BY 1;
DROP VIEW of_sets, of_values, months;
CREATE VIEW plain AS SELECT k, n * 2 AS twice, total FROM total;
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM total WHERE k % 2 = 0;
SELECT plain FROM plain ORDER BY k LIMIT 2;
SELECT * FROM barrier WHERE s > 560 ORDER BY k;
-- common_table_expressions
WITH w AS (SELECT * FROM total WHERE k < 4) SELECT count(*), sum(w.s) FROM w JOIN total USING (k);
WITH w AS MATERIALIZED (SELECT * FROM total WHERE k < 2) SELECT w FROM w ORDER BY k;
WITH RECURSIVE w AS (SELECT k FROM total WHERE k = 0 UNION ALL SELECT t.k FROM w JOIN total t ON t.k = w.k + 1) SELECT count(*) FROM w;
-- sublinks
SELECT k FROM region WHERE EXISTS (SELECT FROM total t WHERE t.k = region.k AND t.s > 590) ORDER BY 1;
SELECT k FROM region WHERE k NOT IN (SELECT t.k FROM total t) ORDER BY 1;
SELECT (SELECT max(s) FROM total), (SELECT total FROM total WHERE total.k = 3);
SELECT k, (SELECT sum(s) FROM total t WHERE t.k <= region.k) FROM region ORDER BY k LIMIT 3;
SELECT k, (SELECT t.s FROM total t WHERE t.n = 10 AND t.k >= region.k ORDER BY t.s LIMIT 1) FROM region ORDER BY k LIMIT 3;
-- set_operations
SELECT k FROM total WHERE k < 2 UNION ALL SELECT k FROM region WHERE k < 2 ORDER BY 1;
SELECT k FROM region EXCEPT SELECT k FROM total ORDER BY 1;
SELECT k FROM total INTERSECT SELECT k FROM region WHERE k < 3 ORDER BY 1;
-- joins
SELECT t.*, r.name FROM region r LEFT JOIN total t ON t.k = r.k WHERE r.k > 7 ORDER BY r.k;
SELECT a.k, b.k FROM total a FULL JOIN total b ON a.k = b.k + 7 ORDER BY 1, 2 LIMIT 4;
SELECT r.k, l.* FROM region r CROSS JOIN LATERAL (SELECT t.k, t.s FROM total t WHERE t.k > r.k ORDER BY t.k LIMIT 1) l WHERE r.k IN (3, 4) ORDER BY 1;
SELECT t.k FROM total t JOIN region r ON t.k = r.k + 0 AND t.s BETWEEN r.k AND 590 ORDER BY 1;
-- whole_rows
SELECT total FROM total WHERE k = 2;
SELECT (total).n, (total).* FROM total WHERE k = 2;
SELECT to_jsonb(t) FROM total t WHERE k = 2;
SELECT array_agg(t ORDER BY t.k) FROM total t WHERE k < 2;
SELECT t IS NULL, t.* IS NOT NULL FROM region r LEFT JOIN total t USING (k) WHERE k IN (9, 10) ORDER BY k;
SELECT count(DISTINCT t), count(DISTINCT t.s % 2) FROM total t;
-- system_columns
SELECT tableoid::regclass, k FROM total WHERE k < 2 ORDER BY k;
-- grouping_and_windows
SELECT n, count(*), sum(s) FROM total GROUP BY ROLLUP (n) ORDER BY 1 NULLS LAST;
SELECT k, row_number() OVER (ORDER BY s DESC) FROM total ORDER BY k LIMIT 3;
-- functions
CREATE FUNCTION inlined(int) RETURNS SETOF total LANGUAGE sql STABLE AS 'SELECT * FROM read_queries.total WHERE k <= $1';
SELECT r.k, f.s FROM region r, inlined(r.k) f WHERE r.k < 2 ORDER BY 1, 2;
CREATE FUNCTION counted(int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r read_queries.total; c bigint;
BEGIN
  SELECT * INTO r FROM read_queries.total WHERE k = $1;
  SELECT count(*) INTO c FROM read_queries.total WHERE k <= $1;
  RETURN r.s * 1000 + c;
END $$;
SELECT counted(2), counted(4);
-- prepared_statements
PREPARE look_up(int) AS SELECT k, s FROM total WHERE k = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE look_up(1);
EXECUTE look_up(5);
EXECUTE look_up(6);
RESET plan_cache_mode;
-- cursors
BEGIN;
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT k FROM total ORDER BY k;
FETCH 2 FROM c;
COMMIT;
FETCH 2 FROM c;
FETCH PRIOR FROM c;
CLOSE c;
BEGIN;
DECLARE c CURSOR FOR SELECT k FROM total ORDER BY k;
FETCH 2 FROM c;
COMMIT;
-- as_a_source_of_rows
CREATE TABLE copied AS SELECT * FROM total WHERE k < 3;
SELECT * FROM copied ORDER BY k;
COPY (SELECT * FROM total WHERE k < 3 ORDER BY k) TO STDOUT;
UPDATE copied SET s = t.s + 1 FROM total t WHERE t.k = copied.k RETURNING copied.*;
DELETE FROM copied USING total t WHERE t.k = copied.k AND t.k = 1 RETURNING t;
INSERT INTO copied SELECT * FROM total WHERE k = 4 RETURNING *;
MERGE INTO copied USING total t ON t.k = copied.k WHEN MATCHED THEN UPDATE SET n = 0 WHEN NOT MATCHED AND t.k = 9 THEN INSERT VALUES (t.k, t.n, t.s);
SELECT * FROM copied ORDER BY k;
SELECT c.k, t.s FROM copied c JOIN total t ON t.k = c.k ORDER BY c.k LIMIT 1 FOR UPDATE OF c;
-- parallel
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
SELECT count(*), sum(s) FROM total;
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null

DROP FUNCTION inlined, counted;
-- as_a_child, which_is_sampled_with_its_parent
CREATE TABLE family (k int, n bigint, s bigint);
ALTER FOREIGN TABLE total INHERIT family;
INSERT INTO family VALUES (100, 1, 1);
ANALYZE family;
SELECT attname, inherited, n_distinct FROM pg_stats WHERE tablename = 'family' AND attname = 'k' ORDER BY inherited;
ALTER FOREIGN TABLE total NO INHERIT family;
CREATE TABLE parts (k int, n bigint, s bigint) PARTITION BY RANGE (k);
ALTER TABLE parts ATTACH PARTITION total FOR VALUES FROM (0) TO (100);
ANALYZE parts, total;
SELECT count(*), sum(s) FROM parts;
ALTER TABLE parts DETACH PARTITION total;
DROP SCHEMA read_queries CASCADE;
