-- A query of a parent may use the statistics of its children, as with any table, and needs no privilege on the children.
SET client_min_messages = warning;
CREATE ROLE rpp_reader;
CREATE TABLE rpp_source (id int PRIMARY KEY, n numeric);
INSERT INTO rpp_source SELECT i, i FROM generate_series(1, 20000) i;
CREATE TABLE rpp_root (id int, n numeric) PARTITION BY RANGE (id);
SELECT pgtrickle.create_stream_table('rpp_part', 'SELECT id, n FROM rpp_source', '520w') \g /dev/null
CREATE INDEX rpp_n ON rpp_part (n);
ALTER TABLE rpp_root ATTACH PARTITION rpp_part DEFAULT;
SELECT 'ANALYZE pg_trickle_storage.st_' || 'rpp_part'::regclass::oid AS statement \gset
:statement;
GRANT SELECT ON rpp_root TO rpp_reader;
CREATE FUNCTION rpp_plan(query text) RETURNS text LANGUAGE plpgsql AS $$
  DECLARE line text; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    IF line ~ '(Seq|Index|Bitmap Heap) Scan' THEN RETURN regexp_replace(trim(line), ' (using|on) .*', ''); END IF; END LOOP; END $$;
CREATE FUNCTION rpp_lines(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
  BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SET enable_bitmapscan = off;
SET ROLE rpp_reader;
-- an_operator_that_is_not_leakproof
SELECT proleakproof FROM pg_proc WHERE proname = 'numeric_lt';
SELECT rpp_plan('SELECT * FROM rpp_root WHERE n < 50');
SELECT rpp_plan('SELECT * FROM rpp_root WHERE n < 19000');
SELECT count(*) FROM rpp_root WHERE n < 50;
SELECT count(*) FROM rpp_part WHERE n < 50;
RESET ROLE;
-- workers_read_stream_tables_that_are_partitions
CREATE TABLE rpp_halves (id int, half int) PARTITION BY LIST (half);
SELECT pgtrickle.create_stream_table('rpp_even', 'SELECT id, 0 AS half FROM rpp_source WHERE id % 2 = 0', '0s') \g /dev/null
SELECT pgtrickle.create_stream_table('rpp_odd', 'SELECT id, 1 AS half FROM rpp_source WHERE id % 2 = 1', '0s') \g /dev/null
ALTER TABLE rpp_halves ATTACH PARTITION rpp_even FOR VALUES IN (0);
ALTER TABLE rpp_halves ATTACH PARTITION rpp_odd FOR VALUES IN (1);
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
UPDATE rpp_source SET n = n + 1 WHERE id < 10;
DELETE FROM rpp_source WHERE id < 3;
SELECT line FROM rpp_lines('SELECT count(*) FROM rpp_halves') line WHERE line !~ 'Plan:|storage|Stream Table';
SELECT count(*) = (SELECT count(*) FROM rpp_source) AS is_fresh FROM rpp_halves;
DROP TABLE rpp_halves;
DROP FUNCTION rpp_lines;
DROP TABLE rpp_root;
DROP TABLE rpp_source CASCADE;
DROP FUNCTION rpp_plan;
DROP ROLE rpp_reader;
