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
SET enable_bitmapscan = off;
SET ROLE rpp_reader;
-- an_operator_that_is_not_leakproof
SELECT proleakproof FROM pg_proc WHERE proname = 'numeric_lt';
SELECT rpp_plan('SELECT * FROM rpp_root WHERE n < 50');
SELECT rpp_plan('SELECT * FROM rpp_root WHERE n < 19000');
SELECT count(*) FROM rpp_root WHERE n < 50;
SELECT count(*) FROM rpp_part WHERE n < 50;
RESET ROLE;
DROP TABLE rpp_root;
DROP TABLE rpp_source CASCADE;
DROP FUNCTION rpp_plan;
DROP ROLE rpp_reader;
