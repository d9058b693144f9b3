-- Columns that a source, a view or a composite type loses with a type, a function or a schema are followed to rows that
-- are read as a whole, and to lists of aliases.
SET client_min_messages = warning;
CREATE SCHEMA dropped_with_types;
SET search_path = dropped_with_types, public;
CREATE SCHEMA dropped_types;
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TYPE pair AS (p int, q mood);
CREATE DOMAIN dropped_types.size AS int;
CREATE FUNCTION twice(v int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * v';
CREATE TABLE s (id int PRIMARY KEY, x mood, v int, g int GENERATED ALWAYS AS (twice(v)) STORED, z dropped_types.size);
CREATE TABLE named (id int PRIMARY KEY, x mood, v int);
CREATE TABLE pairs (id int PRIMARY KEY, c pair);
CREATE TABLE groups (id int PRIMARY KEY, v int);
CREATE VIEW of_group AS SELECT id, v FROM groups GROUP BY id;
CREATE TABLE held (id int, v of_group);
INSERT INTO s (id, x, v, z) SELECT i, 'a', i, i FROM generate_series(1, 30) i;
INSERT INTO named SELECT i, 'b', i FROM generate_series(1, 30) i;
INSERT INTO pairs SELECT i, ROW(i, 'a')::pair FROM generate_series(1, 30) i;
INSERT INTO held SELECT i, ROW(i, i)::of_group FROM generate_series(1, 30) i;
CREATE TABLE definition AS SELECT d.name || '_' || mode AS name, query, mode FROM unnest('{differential,full}'::text[]) mode, (VALUES
  ('rows', 'SELECT id, to_jsonb(r) AS j FROM s r'), ('texts', 'SELECT r::text AS t FROM s r'),
  ('of_pairs', 'SELECT id, to_jsonb(c) AS j FROM pairs'), ('of_held', 'SELECT id, to_jsonb(h) AS j FROM held h'),
  ('aliases', 'SELECT a.i, a.vv FROM named AS a(i, xx, vv)')) d (name, query);
SELECT pgtrickle.create_stream_table(name, query, '520w', mode) FROM definition \g /dev/null
SET pg_trickle.max_staleness = 0;
CREATE FUNCTION wrong() RETURNS TABLE (moment text, stream_table text) LANGUAGE plpgsql AS $$
DECLARE query text; missing bigint; surplus bigint; BEGIN
  FOREACH moment IN ARRAY '{before a change,after a change}'::text[] LOOP
    FOR stream_table, query IN SELECT d.name, d.query FROM definition d ORDER BY 1 LOOP
      SELECT * INTO missing, surplus FROM test.differences(stream_table::regclass, query);
      IF missing + surplus > 0 THEN RETURN NEXT; END IF;
    END LOOP;
    UPDATE s SET v = v + 1 WHERE id = 1; DELETE FROM s WHERE id = 2; INSERT INTO s (id, v) VALUES (2, 5);
    UPDATE pairs SET id = id + 1 WHERE id >= 30; UPDATE held SET id = id + 1 WHERE id >= 30;
  END LOOP;
END $$;
SELECT * FROM wrong();

-- a_type, of columns and of attributes
DROP TYPE mood CASCADE;
SELECT j FROM of_pairs_differential WHERE id = 1;
SELECT option_value FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'aliases_full'::regclass)) WHERE option_name = 'query';
UPDATE definition SET query = 'SELECT a.i, a.vv FROM named AS a(i, vv)' WHERE name LIKE 'aliases%';
SELECT * FROM wrong();
-- rolled_back
BEGIN;
SAVEPOINT before;
DROP FUNCTION twice CASCADE;
ROLLBACK TO before;
SELECT * FROM wrong();
COMMIT;
DO $$ BEGIN DROP FUNCTION twice CASCADE; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT * FROM wrong();
-- a_function, of a generated column
DO $$ BEGIN DROP FUNCTION twice CASCADE; END $$;
SELECT * FROM wrong();
-- a_schema
DROP SCHEMA dropped_types CASCADE;
SELECT * FROM wrong();
-- a_primary_key, of a view
ALTER TABLE groups DROP CONSTRAINT groups_pkey CASCADE;
SELECT * FROM wrong();
SELECT j FROM of_held_differential WHERE id = 1;
-- objects_that_a_role_owns
CREATE ROLE dropped_with_types;
GRANT USAGE, CREATE ON SCHEMA dropped_with_types TO dropped_with_types;
SET ROLE dropped_with_types;
CREATE DOMAIN of_role AS int;
RESET ROLE;
ALTER TABLE s ADD w of_role DEFAULT 7;
SELECT * FROM wrong();
DROP OWNED BY dropped_with_types CASCADE;
SELECT * FROM wrong();
DROP ROLE dropped_with_types;
-- temporary_types_end_without_a_statement
CREATE TABLE of_temporary (id int PRIMARY KEY, v int);
INSERT INTO of_temporary VALUES (1, 10);
CREATE TEMP TABLE ended (a int);
ALTER TABLE of_temporary ADD w ended, ADD x int;
CREATE FOREIGN TABLE whole (id int, j jsonb) SERVER pgtrickle OPTIONS (query 'SELECT id, to_jsonb(t) FROM of_temporary t', schedule '520w');
CREATE FOREIGN TABLE aliased (a int, d int) SERVER pgtrickle OPTIONS (query 'SELECT t.a, t.d FROM of_temporary t (a, b, c, d)', schedule '520w');
DISCARD TEMP;
SELECT pgtrickle.refresh_stream_table('whole'), pgtrickle.refresh_stream_table('aliased') \g /dev/null
SELECT j FROM whole;
SELECT unnest(ftoptions) FROM pg_foreign_table WHERE ftrelid = 'aliased'::regclass LIMIT 1;
BEGIN;
CREATE TEMP TABLE ended (a int) ON COMMIT DROP;
ALTER TABLE of_temporary ADD w ended;
COMMIT;
SELECT * FROM whole;
-- stream_tables_by_another_role
CREATE ROLE dropped_with_types;
GRANT USAGE, CREATE ON SCHEMA dropped_with_types TO dropped_with_types;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO dropped_with_types;
GRANT SELECT, TRIGGER ON s TO dropped_with_types;
CREATE DOMAIN other AS int;
ALTER TABLE s ADD y other DEFAULT 8;
ALTER FOREIGN TABLE rows_full OWNER TO dropped_with_types;
ALTER FOREIGN TABLE rows_differential OWNER TO dropped_with_types;
DROP DOMAIN other CASCADE;
SELECT pgtrickle.refresh_stream_table(name) FROM definition WHERE name LIKE 'rows%' \g /dev/null
SELECT count(*), count(*) FILTER (WHERE j ? 'y') AS old FROM rows_differential;
SELECT count(*), count(*) FILTER (WHERE j ? 'y') AS old FROM rows_full;

DROP SCHEMA dropped_with_types CASCADE;
DROP OWNED BY dropped_with_types CASCADE;
DROP ROLE dropped_with_types;
