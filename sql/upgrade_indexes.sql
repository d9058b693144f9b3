-- finish_upgrade() creates users' indexes again, with the privileges of the stream table's owner; a failed one prevents no other.
SELECT current_database() AS database \gset
CREATE ROLE ui_owner;
CREATE DATABASE ui_upgraded;
\c ui_upgraded
SET client_min_messages = warning;
CREATE EXTENSION pg_trickle;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO ui_owner;
CREATE SCHEMA ui AUTHORIZATION ui_owner;
SET ROLE ui_owner;
SET search_path = ui;
CREATE TABLE source (id int PRIMARY KEY, g int);
INSERT INTO source SELECT i, i % 3 FROM generate_series(1, 30) i;
CREATE TABLE switch (is_off bool);
CREATE FUNCTION checked(v int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    RAISE WARNING 'a user''s code runs as %', current_user;
  END IF;
  RETURN true;
END $$;
CREATE DOMAIN checked_int AS int CHECK (ui.checked(VALUE));
CREATE FUNCTION unsteady(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM ui.switch) THEN RAISE EXCEPTION 'switched off' USING ERRCODE = 'query_canceled'; END IF; RETURN v; END $$;
CREATE FOREIGN TABLE st () SERVER pgtrickle OPTIONS (query 'SELECT id, g FROM ui.source', schedule '520w');
CREATE INDEX by_literal ON st ((g = ANY ('{1}'::checked_int[]::int[])));
CREATE INDEX by_predicate ON st (id DESC, g) WHERE g > 1;
CREATE INDEX by_constant ON st ((g + unsteady(1)));
CREATE INDEX by_cast ON st (((g + id)::numeric));
SELECT pg_get_userbyid(relowner) AS owner, indexname FROM pg_indexes JOIN pg_class ON relname = indexname
  WHERE schemaname = 'pg_trickle_storage' AND indexname LIKE 'by%' ORDER BY 2;
RESET ROLE;
SELECT pgtrickle.prepare_upgrade();
-- statements_on_stream_tables_that_nothing_would_check are refused meanwhile
SET ROLE ui_owner;
ALTER FOREIGN TABLE st ADD CHECK (id < 0);
ALTER FOREIGN TABLE st OWNER TO ui_owner;
ALTER TABLE st ALTER COLUMN id SET NOT NULL;
CREATE FOREIGN TABLE another () SERVER pgtrickle OPTIONS (query 'SELECT id FROM ui.source');
RESET ROLE;
-- likewise_names
ALTER TABLE ui.source RENAME g TO h;
ALTER FOREIGN TABLE ui.st RENAME id TO other;
ALTER FOREIGN TABLE ui.st SET SCHEMA pgtrickle;
ALTER FUNCTION ui.checked(int) SET SCHEMA public;
ALTER SCHEMA ui RENAME TO iu;
CREATE TYPE ui.mood AS ENUM ('a', 'b');
ALTER TYPE ui.mood ADD VALUE 'c';
ALTER TYPE ui.mood RENAME VALUE 'a' TO 'd';
ALTER ROLE ui_owner RENAME TO ui_other_owner;
ALTER ROLE ui_other_owner RENAME TO ui_owner;
SELECT status, health FROM pgtrickle.quick_health;
SELECT detail FROM pgtrickle.health_check() WHERE check_name = 'upgrade';
SELECT pgtrickle.finish_upgrade();
SELECT pg_get_userbyid(relowner) AS owner, regexp_replace(indexdef, 'st_\d+', 'st_<oid>') AS definition
  FROM pg_indexes JOIN pg_class ON relname = indexname WHERE schemaname = 'pg_trickle_storage' AND indexname LIKE 'by%' ORDER BY 2;
SELECT pgtrickle.refresh_stream_table('ui.st') \g /dev/null
SELECT count(*) FROM ui.st WHERE g = 1;
-- those_on_columns_that_have_an_index_of_the_extension, comments_statistics_targets_and_extensions
CREATE UNIQUE INDEX by_id ON ui.st (id); CREATE INDEX by_id_too ON ui.st (id);
COMMENT ON INDEX ui.by_id IS 'the key';
CREATE INDEX by_id_twice ON ui.st (id, (g * 2), (g * 3));
ALTER INDEX ui.by_id_twice ALTER COLUMN 2 SET STATISTICS 700;
ALTER INDEX ui.by_id_twice DEPENDS ON EXTENSION plpgsql;
SELECT pgtrickle.prepare_upgrade();
SELECT pgtrickle.finish_upgrade();
SELECT relname, obj_description(oid), indisunique,
  array(SELECT nullif(attstattarget, -1) FROM pg_attribute WHERE attrelid = oid ORDER BY attnum) AS targets,
  array(SELECT extname FROM pg_depend JOIN pg_extension x ON x.oid = refobjid WHERE objid = pg_class.oid AND deptype = 'x') AS extensions
FROM pg_class JOIN pg_index ON indexrelid = oid WHERE relname LIKE 'by\_id%' ORDER BY 1;
-- one_that_fails
SELECT pgtrickle.prepare_upgrade();
INSERT INTO ui.switch VALUES (true);
\set VERBOSITY terse
SELECT pgtrickle.finish_upgrade();
SELECT indexname FROM pg_indexes WHERE schemaname = 'pg_trickle_storage' AND indexname LIKE 'by%' ORDER BY 1;
\c :database
DROP DATABASE ui_upgraded WITH (FORCE);
DROP ROLE ui_owner;
