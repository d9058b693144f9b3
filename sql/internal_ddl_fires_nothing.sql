-- Event triggers fire for the user's own statements, once, as the user and under the user's search_path; the extension's own DDL fires none.
CREATE ROLE ef_user;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO ef_user;
CREATE SCHEMA ef_own AUTHORIZATION ef_user;
CREATE TABLE ef_seen (n serial, event text, who text, path text, tag text, objects text);
GRANT INSERT ON ef_seen TO PUBLIC;
GRANT USAGE ON SEQUENCE ef_seen_n_seq TO PUBLIC;
CREATE FUNCTION ef_note() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE objects text;
BEGIN
  IF tg_event = 'ddl_command_end' THEN
    SELECT string_agg(command_tag || ' ' || regexp_replace(object_identity, 'st_\d+', 'st_<oid>'), ', ') INTO objects
      FROM pg_event_trigger_ddl_commands();
  ELSIF tg_event = 'sql_drop' THEN
    SELECT string_agg(object_identity, ', ') INTO objects FROM pg_event_trigger_dropped_objects() WHERE original;
  END IF;
  INSERT INTO public.ef_seen (event, who, path, tag, objects)
    VALUES (tg_event, current_user, current_setting('search_path'), tg_tag, objects);
END $$;
SET ROLE ef_user;
SET search_path = ef_own, public;
CREATE TABLE ef_source (id int PRIMARY KEY, g int, t text, unread int);
INSERT INTO ef_source SELECT i, i % 3, 't' || i FROM generate_series(1, 30) i;
CREATE INDEX ON ef_source (g);
RESET ROLE;
SET search_path = public;
CREATE EVENT TRIGGER ef_start ON ddl_command_start EXECUTE FUNCTION ef_note();
CREATE EVENT TRIGGER ef_end ON ddl_command_end EXECUTE FUNCTION ef_note();
CREATE EVENT TRIGGER ef_drop ON sql_drop EXECUTE FUNCTION ef_note();
CREATE EVENT TRIGGER ef_rewrite ON table_rewrite EXECUTE FUNCTION ef_note();
TRUNCATE ef_seen RESTART IDENTITY;
SET ROLE ef_user;
SET search_path = ef_own, public;
-- create
CREATE FOREIGN TABLE ef_st () SERVER pgtrickle OPTIONS (query 'SELECT g, count(*) AS n, min(t) AS t FROM ef_source GROUP BY g', schedule '520w');
SELECT pgtrickle.create_stream_table('ef_distinct', 'SELECT DISTINCT t, lower(t) AS l FROM ef_source', '520w');
-- indexes_as_of_a_plain_table
CREATE TABLE ef_plain (g int);
CREATE INDEX ef_plain_g ON ef_plain (g);
CREATE INDEX ef_st_g ON ef_st (g);
CREATE INDEX ON ef_st ((g + 1)) WHERE n > 1;
DROP INDEX ef_plain_g;
DROP INDEX ef_st_g;
-- refresh_repair_alter_rename
UPDATE ef_source SET g = 4 WHERE id < 5;
SELECT pgtrickle.refresh_stream_table('ef_st');
SELECT regexp_replace(pgtrickle.repair_stream_table('ef_st'), ':.*', '');
SELECT pgtrickle.alter_stream_table('ef_st', query => 'SELECT g, max(id)::bigint AS n, max(t) AS t FROM ef_source GROUP BY g');
ALTER FOREIGN TABLE ef_st RENAME COLUMN n TO m;
SELECT * FROM ef_st ORDER BY g LIMIT 1;
-- a_source_is_rewritten_and_the_stream_table_filled_again
ALTER TABLE ef_source ALTER COLUMN unread TYPE bigint;
SELECT pgtrickle.refresh_stream_table('ef_st');
-- a_column_is_retyped_and_the_error_of_another_attempt_is_caught
ALTER TABLE ef_source ALTER COLUMN g TYPE bigint;
CREATE VIEW ef_above AS SELECT g FROM ef_st;
CREATE FUNCTION ef_attempt() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  ALTER TABLE ef_source ALTER COLUMN g TYPE numeric;
  RETURN 'it was altered';
EXCEPTION WHEN feature_not_supported THEN RETURN 'it was not altered';
END $$;
CREATE TABLE ef_attempts AS SELECT ef_attempt();
SELECT * FROM ef_attempts;
DROP VIEW ef_above;
-- drop
DROP FOREIGN TABLE ef_st;
SELECT pgtrickle.drop_stream_table('ef_distinct');
RESET ROLE;
SET search_path = public;
DROP EVENT TRIGGER ef_start;
DROP EVENT TRIGGER ef_end;
DROP EVENT TRIGGER ef_drop;
DROP EVENT TRIGGER ef_rewrite;
SELECT DISTINCT who, path FROM ef_seen;
SELECT event, tag, objects FROM ef_seen ORDER BY n;
DROP OWNED BY ef_user CASCADE;
DROP TABLE ef_seen;
DROP FUNCTION ef_note;
DROP ROLE ef_user;
