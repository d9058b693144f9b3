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
