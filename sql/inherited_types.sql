-- ALTER TYPE … CASCADE alters the columns of typed tables, and so of stream tables that inherit from them or are partitions.
SET client_min_messages = warning;
CREATE SCHEMA inherited_types;
SET search_path = inherited_types, public;
CREATE TABLE src (id int PRIMARY KEY, n int);
INSERT INTO src VALUES (1, 10), (2, 20);
CREATE TYPE shape AS (id int, n int);
CREATE TABLE parent OF shape;
CREATE TABLE root OF shape PARTITION BY LIST (id);
SELECT pgtrickle.create_stream_table(name, 'SELECT id, n FROM src', '520w') FROM unnest('{st,part}'::text[]) name;
ALTER FOREIGN TABLE st INHERIT parent;
ALTER TABLE root ATTACH PARTITION part DEFAULT;
-- a_type_is_followed
ALTER TYPE shape ALTER ATTRIBUTE n TYPE bigint CASCADE;
SELECT *, pg_typeof(n) FROM parent ORDER BY id;
SELECT *, pg_typeof(n) FROM root ORDER BY id;
-- a_name, too
ALTER TYPE shape RENAME ATTRIBUTE n TO amount CASCADE;
INSERT INTO src VALUES (3, 30);
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{st,part}'::text[]) name;
SELECT amount FROM parent ORDER BY id;
SELECT amount FROM root ORDER BY id;
SELECT option_value FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'part'::regclass)) WHERE option_name = 'query';
-- a_column_that_would_be_added_or_lost_is_refused
\set VERBOSITY sqlstate
ALTER TYPE shape ADD ATTRIBUTE more int CASCADE;
\set VERBOSITY default
ALTER TYPE shape DROP ATTRIBUTE amount CASCADE;
SELECT count(amount) FROM root;
ALTER TABLE root DETACH PARTITION part;
ALTER TYPE shape DROP ATTRIBUTE amount CASCADE;
SELECT * FROM parent ORDER BY id;
SELECT * FROM st ORDER BY id;
SELECT * FROM part ORDER BY id;
SELECT detail FROM pgtrickle.health_check() WHERE check_name = 'storage';
-- without_stream_tables
CREATE TYPE other AS (a int);
CREATE TABLE typed OF other;
ALTER TYPE other ADD ATTRIBUTE b int CASCADE;
ALTER TYPE other ALTER ATTRIBUTE b TYPE text;
ALTER TYPE other RENAME ATTRIBUTE b TO c CASCADE;
SELECT * FROM typed;
DROP SCHEMA inherited_types CASCADE;
RESET client_min_messages;
