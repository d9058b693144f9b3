-- A publication FOR ALL TABLES contains internal tables: its creation raises a warning, and so does that of a stream table beside it.
CREATE TABLE pu_source (id int PRIMARY KEY);
-- no_warning_for_named_tables
SET client_min_messages = error;   -- wal_level is what the server has
CREATE PUBLICATION pu_named FOR TABLE pu_source;
CREATE PUBLICATION pu_schema FOR TABLES IN SCHEMA public;
RESET client_min_messages;
CREATE FOREIGN TABLE pu_before () SERVER pgtrickle OPTIONS (query 'SELECT id FROM pu_source', schedule '520w');
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'publications';
-- for_all_tables
\set VERBOSITY terse
DO $$
BEGIN
  EXECUTE 'CREATE PUBLICATION pu_all FOR ALL TABLES';
END $$;
\set VERBOSITY default
CREATE FOREIGN TABLE pu_after () SERVER pgtrickle OPTIONS (query 'SELECT id FROM pu_source', schedule '520w');
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'publications';
-- refreshes_continue_beside_it
INSERT INTO pu_source VALUES (1), (2);
UPDATE pu_source SET id = 3 WHERE id = 1;
DELETE FROM pu_source WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('pu_after');
SELECT * FROM pu_after;
SELECT pgtrickle.pause_scheduler(ARRAY['pu_after']), pgtrickle.resume_scheduler(ARRAY['pu_after']);
DROP PUBLICATION pu_all, pu_named, pu_schema;
SET client_min_messages = warning;
DROP TABLE pu_source CASCADE;
