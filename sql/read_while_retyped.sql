-- Reads stream tables in statements that alter the types of columns that their queries read.
SET client_min_messages = warning;
CREATE SCHEMA read_while_retyped;
SET search_path = read_while_retyped;
\set SHOW_CONTEXT never
CREATE TABLE audit (id int GENERATED ALWAYS AS IDENTITY, tag text, n int);
CREATE TABLE seen (tag text, tags text);
INSERT INTO audit (tag, n) VALUES ('first', 1);
SELECT pgtrickle.create_stream_table('audited', 'SELECT tag, count(*) AS times, max(n) AS most FROM audit GROUP BY tag', '0s') \g /dev/null
SELECT pgtrickle.create_stream_table('above', 'SELECT sum(times) AS times FROM audited', '0s') \g /dev/null

-- a function in USING
CREATE FUNCTION times(text) RETURNS int LANGUAGE sql AS 'SELECT sum(times)::int FROM read_while_retyped.audited';
BEGIN;
INSERT INTO audit (tag, n) VALUES ('second', 2);
\set VERBOSITY sqlstate
ALTER TABLE audit ALTER n TYPE bigint USING n + times(tag);
ROLLBACK;

-- an event trigger, which fires when the stream tables have been defined again
CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO read_while_retyped.audit (tag) VALUES (tg_tag);
    INSERT INTO read_while_retyped.seen SELECT tg_tag, string_agg(tag, ', ' ORDER BY tag) FROM read_while_retyped.audited;
END $$;
CREATE EVENT TRIGGER read_while_retyped ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE') EXECUTE FUNCTION note();
CREATE TABLE other (id int);
ALTER TABLE audit ALTER n TYPE bigint, ALTER id TYPE bigint;
ALTER TABLE audit ALTER n TYPE numeric;
DROP EVENT TRIGGER read_while_retyped;
TABLE seen ORDER BY tag, tags;
SELECT tag, times, most FROM audited ORDER BY tag;
TABLE above;
SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'audited'::regclass AND attname = 'most';

DROP SCHEMA read_while_retyped CASCADE;
RESET search_path; RESET client_min_messages;
