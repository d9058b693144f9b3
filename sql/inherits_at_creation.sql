-- CREATE FOREIGN TABLE … INHERITS is CREATE, then ALTER … INHERIT: the columns keep the order of the query.
SET client_min_messages = warning;
CREATE SCHEMA inherits_at_creation;
SET search_path = inherits_at_creation;
CREATE ROLE inherits_owner;
GRANT USAGE, CREATE ON SCHEMA inherits_at_creation TO inherits_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO inherits_owner;
CREATE TABLE src (id int PRIMARY KEY, n int);
INSERT INTO src VALUES (1, 50), (2, NULL);
CREATE TABLE turned (n int, id int);
CREATE TABLE narrow (n int);
CREATE FUNCTION parents(child regclass) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(inhparent::regclass::text, ' ' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = child $$;
-- two_parents_with_other_columns
CREATE FOREIGN TABLE st (id int, n int) INHERITS (turned, narrow) SERVER pgtrickle
  OPTIONS (query 'SELECT id, n FROM src', schedule '0s');
SELECT parents('st');
INSERT INTO src VALUES (3, 30);
SELECT * FROM st ORDER BY id;
SELECT tableoid::regclass, * FROM turned ORDER BY id;
SELECT count(*) FROM narrow;
-- columns_of_the_query
CREATE FOREIGN TABLE undeclared () INHERITS (turned) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM src', schedule '0s');
SELECT * FROM undeclared WHERE id = 3;
DROP FOREIGN TABLE undeclared;
-- restored, below_a_column_that_is_NOT_NULL_in_the_parent_alone (PostgreSQL 18 has NO INHERIT for it)
CREATE TABLE strict (id int, n int);
SELECT CASE WHEN current_setting('server_version_num')::int < 180000 THEN 'ALTER TABLE strict ALTER COLUMN n SET NOT NULL'
  ELSE 'ALTER TABLE strict ADD NOT NULL n NO INHERIT' END AS statement \gset
:statement;
CREATE FOREIGN TABLE restored (id int, n int) INHERITS (strict) SERVER pgtrickle
  OPTIONS (query 'SELECT id, n FROM inherits_at_creation.src', original_query 'SELECT id, n FROM src', schedule '0s');
SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = 'restored'::regclass AND attnum > 0;
SELECT parents('restored');
DROP FOREIGN TABLE restored;
-- refused_as_ALTER_refuses, and nothing is left behind
CREATE TABLE not_null (id int, n int NOT NULL);
CREATE TABLE checked (id int, n int CHECK (n > 0));
CREATE TABLE own_source AS SELECT id, n FROM src;
CREATE FUNCTION refused(parents text, query text DEFAULT 'SELECT id, n FROM src') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE FOREIGN TABLE other () INHERITS (%s) SERVER pgtrickle OPTIONS (query %L, schedule ''0s'')', parents, query);
  RETURN 'created';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
SELECT refused('not_null'), refused('checked'), refused('turned', 'SELECT id FROM src'), refused('turned', 'SELECT id, n::text FROM src'),
  refused('turned, turned'), refused('missing');
\set VERBOSITY terse
CREATE FOREIGN TABLE other () INHERITS (own_source) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM own_source', schedule '0s');
\set VERBOSITY default
CREATE TABLE part (id int, n int) PARTITION BY LIST (id);
CREATE FOREIGN TABLE other () INHERITS (part) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM src', schedule '0s');
SELECT to_regclass('other'), count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'inherits_at_creation';
-- the_parent_of_another_owner
GRANT SELECT, TRIGGER ON src TO inherits_owner;
SET ROLE inherits_owner;
CREATE FOREIGN TABLE other () INHERITS (turned) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM src', schedule '0s');
CREATE FOREIGN TABLE other (id int, n int) INHERITS (turned) SERVER pgtrickle
  OPTIONS (query 'SELECT id, n FROM inherits_at_creation.src', original_query 'SELECT id, n FROM src', schedule '0s');
RESET ROLE;
-- event_triggers_see_one_statement
CREATE TABLE seen (tag text, object text);
CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO inherits_at_creation.seen SELECT command_tag, object_identity FROM pg_event_trigger_ddl_commands(); END $$;
CREATE EVENT TRIGGER inherits_note ON ddl_command_end EXECUTE FUNCTION note();
CREATE FOREIGN TABLE other () INHERITS (turned) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM src', schedule '0s');
DROP EVENT TRIGGER inherits_note;
SELECT * FROM seen;
-- a_stream_table_with_children_is_no_source: its log has its own rows only
CREATE FOREIGN TABLE family (id int, n int) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM src', schedule '0s');
CREATE VIEW of_family AS SELECT * FROM family;
CREATE TABLE kid () INHERITS (family);
INSERT INTO kid VALUES (100, 100);
SELECT (SELECT count(*) FROM family) - (SELECT count(*) FROM src) AS kids;
CREATE FUNCTION reading(mode text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text;
BEGIN
  PERFORM pgtrickle.create_stream_table('inherits_at_creation.reading_' || mode, 'SELECT count(*) AS n FROM inherits_at_creation.of_family', '0s', mode);
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
  RETURN m || ': ' || d;
END $$;
SELECT mode, reading(mode) FROM unnest('{AUTO,DIFFERENTIAL,FULL}'::text[]) mode;
DROP TABLE kid;
SELECT mode, reading(mode) FROM unnest('{AUTO,DIFFERENTIAL,FULL}'::text[]) mode;
CREATE TABLE kid () INHERITS (family);
CREATE TABLE kid (id int, n int);
ALTER TABLE kid INHERIT family;
CREATE FOREIGN TABLE young () INHERITS (family) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM src', schedule '0s');
DROP SCHEMA inherits_at_creation CASCADE;
REVOKE USAGE ON FOREIGN SERVER pgtrickle FROM inherits_owner;
DROP ROLE inherits_owner;
RESET client_min_messages; RESET search_path;
