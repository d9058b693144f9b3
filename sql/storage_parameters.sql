-- The option storage_parameters sets parameters of the heaps of a storage, whichever they are.
SET client_min_messages = warning;
CREATE SCHEMA storage_parameters;
SET search_path = storage_parameters, public;
CREATE TABLE src (id int PRIMARY KEY, g int);
INSERT INTO src SELECT g, g % 3 FROM generate_series(1, 50) g;
CREATE FOREIGN TABLE st () SERVER pgtrickle OPTIONS (query 'SELECT id, g FROM src', schedule '520w', storage_parameters 'fillfactor = 70, autovacuum_enabled = off');
CREATE FOREIGN TABLE grouped () SERVER pgtrickle OPTIONS (query 'SELECT g, count(*) AS n FROM src GROUP BY g', schedule '520w');
CREATE FUNCTION parameters(name text) RETURNS TABLE (parameters text[], heaps bigint) LANGUAGE sql AS $$
  SELECT reloptions, count(*) FROM pg_class WHERE relnamespace = 'pg_trickle_storage'::regnamespace AND relkind = 'r' AND relname ~ ('^st_' || name::regclass::oid || '(_p\d+)?$') GROUP BY 1 $$;
SELECT * FROM parameters('st');
SELECT * FROM parameters('grouped');
-- altered_and_dropped
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'FillFactor = 50');
SELECT * FROM parameters('st');
ALTER FOREIGN TABLE grouped OPTIONS (ADD storage_parameters 'autovacuum_vacuum_scale_factor = 0.01');
SELECT * FROM parameters('grouped');
ALTER FOREIGN TABLE grouped OPTIONS (SET storage_parameters 'fillfactor = 60');
SELECT * FROM parameters('grouped');
ALTER FOREIGN TABLE grouped OPTIONS (DROP storage_parameters);
SELECT * FROM parameters('grouped');
-- another_storage_has_them, and_each_partition
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, g + 1 AS g FROM src');
SELECT * FROM parameters('st');
ALTER FOREIGN TABLE st OPTIONS (ADD partition_by 'RANGE (id, 1000)');
INSERT INTO src VALUES (20000, 1);
SELECT pgtrickle.refresh_stream_table('st');
SELECT parameters, heaps > 2 AS several FROM parameters('st');
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'parallel_workers = 2, fillfactor = 40');
SELECT parameters, heaps > 2 AS several FROM parameters('st');
SELECT * FROM test.differences('st', 'SELECT id, g + 1 FROM src');
SELECT pgtrickle.export_definition('st') ~ 'storage_parameters ''parallel_workers = 2, fillfactor = 40''' AS is_exported;
-- rolled_back
BEGIN;
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters '');
SELECT parameters FROM parameters('st');
ROLLBACK;
SELECT parameters FROM parameters('st');
-- invalid
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'fillfactor = 5');
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'colour = red');
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'toast.autovacuum_enabled = off');
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'fillfactor = ');
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'fillfactor = 50), SET (fillfactor = 60');
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'fillfactor = 50); DROP TABLE src; --');
ALTER FOREIGN TABLE st OPTIONS (SET storage_parameters 'fillfactor = 50, fillfactor = 60');
SELECT parameters FROM parameters('st');
DROP SCHEMA storage_parameters CASCADE;
RESET client_min_messages;
