-- Statements that a stream table cannot support say why, and what to do instead.
SET client_min_messages = warning;
CREATE SCHEMA alter_refused;
SET search_path = alter_refused, public;
CREATE TABLE src (id int PRIMARY KEY, a int, t text);
SELECT pgtrickle.create_stream_table('st', 'SELECT id, a, t FROM src', '520w', 'DIFFERENTIAL');
INSERT INTO src VALUES (1, 1, 'one');
SELECT pgtrickle.refresh_stream_table('st');
-- ALTER
ALTER FOREIGN TABLE st ADD COLUMN more int;
ALTER FOREIGN TABLE st ADD CHECK (id > 0);
ALTER FOREIGN TABLE st ALTER a ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE st SET TABLESPACE pg_default, ALTER a SET STATISTICS 5;
ALTER TABLE st SET (fillfactor = 70);
ALTER TABLE st ALTER t SET COMPRESSION pglz;
ALTER TABLE st CLUSTER ON st_a;
ALTER TABLE st REPLICA IDENTITY FULL;
ALTER TABLE st ENABLE ROW LEVEL SECURITY;
ALTER TABLE st DISABLE TRIGGER ALL;
ALTER TABLE st SET UNLOGGED;
ALTER TABLE st ALTER id ADD GENERATED ALWAYS AS IDENTITY;
-- LOCK
BEGIN;
LOCK TABLE src, st;
ROLLBACK;
BEGIN;
LOCK TABLE st IN SHARE MODE;
ROLLBACK;
-- those_of_postgresql
CREATE RULE never AS ON INSERT TO st DO INSTEAD NOTHING;
CREATE POLICY own ON st USING (true);
COMMENT ON TABLE st IS 'of a stream table';
REFRESH MATERIALIZED VIEW st;
CREATE TABLE referring (id int REFERENCES st);
CREATE TABLE referring (id int, FOREIGN KEY (id) REFERENCES alter_refused.st (id));
ALTER TABLE src ADD FOREIGN KEY (id) REFERENCES st (id);
ALTER TABLE src ADD other int REFERENCES st;
CREATE PUBLICATION of_st FOR TABLE src, st;
SET client_min_messages = error; -- wal_level
CREATE PUBLICATION of_st FOR TABLE src;
SET client_min_messages = warning;
ALTER PUBLICATION of_st ADD TABLE st;
DROP PUBLICATION of_st;
ALTER FOREIGN TABLE st ALTER a TYPE bigint USING a * 2;
ALTER FOREIGN TABLE st SET SCHEMA pg_trickle_storage;
ALTER FOREIGN TABLE st SET SCHEMA pgtrickle;
CREATE FOREIGN TABLE pg_trickle_log.other (id int) SERVER pgtrickle OPTIONS (query 'SELECT id FROM alter_refused.src');
-- hints_of_others
CREATE TABLE keyless (id int);
CREATE TABLE referring (id int REFERENCES keyless);
COMMENT ON TABLE src_id IS 'of nothing';
CREATE VIEW shown AS SELECT id FROM st;
COMMENT ON TABLE shown IS 'of a view';
CREATE POLICY own ON shown USING (true);
DROP VIEW shown;
DROP TABLE keyless;
GRANT USAGE ON SCHEMA alter_refused TO pg_monitor;
SET ROLE pg_monitor;
CREATE RULE never AS ON INSERT TO st DO INSTEAD NOTHING;
COMMENT ON TABLE st IS 'of a stream table';
RESET ROLE;
-- the_key_of_its_storage
DO $$ BEGIN
  EXECUTE (SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index
    WHERE indrelid = format('pg_trickle_storage.st_%s', 'st'::regclass::oid)::regclass);
EXCEPTION WHEN dependent_objects_still_exist THEN
  DECLARE hint text; BEGIN GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT; RAISE WARNING '%', hint; END;
END $$;
-- an_open_cursor
\set VERBOSITY sqlstate
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM st;
FETCH c \g /dev/null
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, a + 1 AS a, t FROM src');
ROLLBACK;
\set VERBOSITY default
DROP SCHEMA alter_refused CASCADE;
RESET client_min_messages;
