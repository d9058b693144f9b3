-- A statement that removes a capture trigger from a source, or silences it, does not leave a stream table stale unnoticed: it is
-- refused, or the next refresh has all rows.
SET client_min_messages = warning;
CREATE SCHEMA guard_routes;
SET search_path = guard_routes;
CREATE TABLE plain (id int PRIMARY KEY);
CREATE TABLE root (id int) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF root DEFAULT;
CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT pgtrickle.create_stream_table('of_plain', 'SELECT id FROM guard_routes.plain', '520w', 'DIFFERENTIAL'),
       pgtrickle.create_stream_table('of_root', 'SELECT id FROM guard_routes.root', '520w', 'DIFFERENTIAL') \g /dev/null
CREATE FUNCTION name_of(trigger text, relation text) RETURNS text STABLE LANGUAGE sql
  RETURN (SELECT tgname FROM pg_trigger WHERE tgrelid = relation::regclass AND tgname ~ trigger);
-- Runs the statement, writes, reverts the statement, and refreshes; then the rows of the stream tables are compared.
CREATE PROCEDURE attempt(relation text, route text, undo text, INOUT answer text DEFAULT 'done') LANGUAGE plpgsql AS $$
DECLARE
  one text; next int = (SELECT count(*) FROM plain) + 1; name text = name_of('pg_trickle_insert', relation);
BEGIN
  BEGIN
    EXECUTE format(route, relation, name);
  EXCEPTION WHEN OTHERS THEN answer = 'refused: ' || regexp_replace(sqlerrm, '_\d+', '');
  END;
  INSERT INTO plain VALUES (next);
  INSERT INTO root VALUES (next);
  INSERT INTO part VALUES (-next);
  EXECUTE format(undo, relation, name);
  COMMIT;
  FOREACH one IN ARRAY '{plain,root}'::text[] LOOP
    PERFORM pgtrickle.refresh_stream_table('guard_routes.of_' || one);
    EXECUTE format('SELECT $1 || CASE WHEN EXISTS ((SELECT id FROM guard_routes.%1$s EXCEPT ALL SELECT id FROM guard_routes.of_%1$s) UNION ALL '
                   '(SELECT id FROM guard_routes.of_%1$s EXCEPT ALL SELECT id FROM guard_routes.%1$s)) '
                   'THEN '', %1$s stale'' ELSE '''' END', one) INTO answer USING answer;
  END LOOP;
  answer = answer || (SELECT format(' (%s triggers: %s)', count(*), string_agg(DISTINCT tgenabled, '')) FROM pg_trigger
    WHERE tgrelid IN ('plain'::regclass, 'root'::regclass, 'part'::regclass) AND tgfoid = 'pgtrickle.pgt_capture'::regproc);
END $$;
CREATE TABLE route (number int GENERATED ALWAYS AS IDENTITY, forward text, back text DEFAULT 'SELECT');
INSERT INTO route (forward) VALUES
  ('SET LOCAL session_replication_role = replica'),
  ('SET LOCAL session_replication_role = local'),
  ('DROP TRIGGER %2$I ON %1$s'),
  ('DROP TRIGGER IF EXISTS %2$I ON %1$s CASCADE'),
  ('CREATE OR REPLACE TRIGGER %2$I AFTER INSERT ON %1$s EXECUTE FUNCTION guard_routes.other()'),
  ('ALTER TRIGGER %2$I ON %1$s RENAME TO pg_trickle_other'),
  ('ALTER TRIGGER %2$I ON %1$s DEPENDS ON EXTENSION plpgsql'),
  ('DROP FUNCTION pgtrickle.pgt_capture() CASCADE'),
  ('ALTER TABLE %1$s DISABLE TRIGGER USER');
INSERT INTO route (forward, back) VALUES
  ('ALTER TABLE %1$s DISABLE TRIGGER %2$I', 'ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %2$I'),
  ('ALTER TABLE ONLY %1$s DISABLE TRIGGER %2$I', 'ALTER TABLE ONLY %1$s ENABLE ALWAYS TRIGGER %2$I'),
  ('ALTER TABLE %1$s ENABLE REPLICA TRIGGER %2$I', 'ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %2$I'),
  ('ALTER TABLE %1$s ENABLE REPLICA TRIGGER %2$I', 'SELECT'),
  ('ALTER TABLE %1$s DISABLE TRIGGER ALL', 'SELECT');
CREATE TABLE outcome (number int GENERATED ALWAYS AS IDENTITY, relation text, route text, answer text);
CREATE PROCEDURE attempt_all(pattern text) LANGUAGE plpgsql AS $$
DECLARE
  one record; answer text;
BEGIN
  TRUNCATE outcome;
  FOR one IN SELECT relation, forward, back FROM route, unnest('{plain,root,part}'::text[]) WITH ORDINALITY r (relation, i)
             WHERE forward LIKE pattern ORDER BY number, i LOOP
    answer = 'done';
    CALL attempt(one.relation, one.forward, one.back, answer);
    INSERT INTO outcome (relation, route, answer) VALUES (one.relation, format(one.forward, one.relation, 'pg_trickle_insert'), answer);
  END LOOP;
END $$;
CALL attempt_all('%');
SELECT relation, route, answer FROM outcome ORDER BY number;
-- also_with_allow_system_table_mods
SET allow_system_table_mods = on;
CALL attempt_all('DROP TRIGGER%');
SELECT relation, route, answer FROM outcome ORDER BY number;
RESET allow_system_table_mods;

-- nor_beside_an_event_trigger_that_catches_errors
BEGIN;
CREATE FUNCTION catches() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero THEN
END $$;
CREATE EVENT TRIGGER catches ON ddl_command_start EXECUTE FUNCTION catches();
CREATE FUNCTION answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN
  RETURN regexp_replace(sqlerrm, '_\d+', '');
END $$;
SELECT answer(format('DROP TRIGGER %I ON plain', name_of('pg_trickle_insert', 'plain')));
ROLLBACK;

-- dropped_with_their_function_and_put_back_with_a_child
BEGIN;
ALTER EXTENSION pg_trickle DROP FUNCTION pgtrickle.pgt_capture();
SELECT pg_get_functiondef('pgtrickle.pgt_capture'::regproc) AS definition \gset
DROP FUNCTION pgtrickle.pgt_capture() CASCADE;
INSERT INTO plain VALUES (1000);
:definition;
ALTER EXTENSION pg_trickle ADD FUNCTION pgtrickle.pgt_capture();
SELECT name_of('pg_trickle_insert', 'plain') IS NULL AS is_missing;
CREATE TABLE child () INHERITS (plain);
SELECT name_of('pg_trickle_insert', 'plain') IS NULL AS is_missing;
SELECT pgtrickle.refresh_stream_table('of_plain');
SELECT count(*) FROM of_plain WHERE id = 1000;
ROLLBACK;

-- dropping_an_empty_partition_causes_no_full_refresh
INSERT INTO root VALUES (1001);
CREATE TABLE empty_part PARTITION OF root FOR VALUES IN (2000);
DROP TABLE empty_part;
SELECT pgtrickle.refresh_stream_table('of_root');
SELECT action FROM pgtrickle.get_refresh_history('of_root', 1);
DROP SCHEMA guard_routes CASCADE;
