-- ALTER TYPE of a parent's column also changes the stream tables that inherit it, or fails: none becomes unreadable.
SET client_min_messages = warning;
SET pg_trickle.max_staleness = 0;
CREATE SCHEMA inherited_columns;
SET search_path = inherited_columns;
CREATE TABLE src (a int PRIMARY KEY, v varchar(10));
INSERT INTO src VALUES (1, 'x'), (2, 'abcdefgh');
CREATE TABLE grand (a int, v varchar(10));
CREATE TABLE parent () INHERITS (grand);
SELECT pgtrickle.create_stream_table('inherited_columns.st', 'SELECT a, v FROM src', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('inherited_columns.counted', 'SELECT count(*)::int AS a, v FROM src GROUP BY v', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('inherited_columns.united', 'SELECT a, v FROM src UNION SELECT a + 10, v FROM src', '520w', 'FULL') \g /dev/null
ALTER FOREIGN TABLE st INHERIT parent;
ALTER FOREIGN TABLE counted INHERIT parent;
ALTER FOREIGN TABLE united INHERIT grand;
CREATE FUNCTION shown() RETURNS TABLE (name text, type text, a text, v text) LANGUAGE sql AS $$
  SELECT 'st', pg_typeof(a) || ' ' || format_type(t.atttypid, t.atttypmod), a::text, v FROM st, pg_attribute t WHERE attrelid = 'st'::regclass AND attname = 'v'
  UNION ALL SELECT 'counted', pg_typeof(a)::text, a::text, v FROM counted
  UNION ALL SELECT 'united', pg_typeof(a)::text, a::text, v FROM united WHERE a::int > 10
  UNION ALL SELECT 'all', '', count(*)::text, '' FROM grand ORDER BY 1, 3, 4 $$;
-- a_length_grows_goes_and_shrinks
ALTER TABLE grand ALTER COLUMN v TYPE varchar(20);
SELECT * FROM shown();
ALTER TABLE grand ALTER COLUMN v TYPE varchar;
SELECT * FROM shown();
ALTER TABLE grand ALTER COLUMN v TYPE varchar(8);
SELECT * FROM shown();
\set VERBOSITY terse
ALTER TABLE grand ALTER COLUMN v TYPE varchar(5);
\set VERBOSITY default
SELECT * FROM shown();
-- values that were cast before are not cast again
ALTER TABLE grand ALTER COLUMN v TYPE varchar(9);
INSERT INTO src VALUES (3, 'abcdefghi');
SELECT * FROM shown();
-- another_type, several at once
ALTER TABLE grand ALTER COLUMN v TYPE text, ALTER COLUMN a TYPE numeric(6,1);
UPDATE src SET v = v || '.' WHERE a = 1;
SELECT * FROM shown();
ALTER TABLE grand ALTER COLUMN a TYPE int;
DELETE FROM src WHERE a = 2;
SELECT * FROM shown();
SELECT pgtrickle.repair_stream_table('st');
\set VERBOSITY terse
ALTER TABLE grand ALTER COLUMN a TYPE point USING point(a, a);
\set VERBOSITY default
SELECT * FROM shown();
-- a_partition
CREATE TABLE root (a int, v varchar(10)) PARTITION BY LIST (a);
SELECT pgtrickle.create_stream_table('inherited_columns.part', 'SELECT a, v FROM src', '520w', 'DIFFERENTIAL') \g /dev/null
ALTER TABLE root ATTACH PARTITION part DEFAULT;
ALTER TABLE root ALTER COLUMN v TYPE varchar(12);
INSERT INTO src VALUES (4, 'four');
SELECT * FROM root ORDER BY a;
-- rolled_back
BEGIN;
ALTER TABLE root ALTER COLUMN v TYPE text;
SELECT * FROM root WHERE a = 4;
ROLLBACK;
SELECT * FROM root WHERE a = 4;
-- without_an_ALTER_statement: a read raises an error, and a repair adapts the column
SET allow_system_table_mods = on;
UPDATE pg_attribute SET atttypmod = 24 WHERE attrelid IN ('root'::regclass, 'part'::regclass) AND attname = 'v';
SELECT * FROM part WHERE a = 4;
ALTER TABLE root RENAME COLUMN v TO w;
SELECT pgtrickle.repair_stream_table('part');
SELECT * FROM root WHERE a = 4;
RESET allow_system_table_mods;
DROP SCHEMA inherited_columns CASCADE;
RESET pg_trickle.max_staleness;
RESET client_min_messages;
