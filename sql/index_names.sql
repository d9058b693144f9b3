-- An index of a stream table has its name in the schema of the stream table, and every statement on an index finds it.
SET client_min_messages = warning;
CREATE SCHEMA in_a;
CREATE SCHEMA in_b;
CREATE SCHEMA index_names;
SET search_path = index_names, public;
CREATE TABLE item (id int PRIMARY KEY, kind text, n int);
INSERT INTO item SELECT g, 'k' || g % 5, g FROM generate_series(1, 100) g;
SELECT pgtrickle.create_stream_table(s || '.st', 'SELECT id, kind, n FROM index_names.item', '520w') FROM unnest('{in_a,in_b}'::text[]) s;
CREATE VIEW indexes AS SELECT n.nspname AS schema, c.relname AS index, c.reloptions, t.spcname, obj_description(c.oid) AS comment, i.indisvalid, h.relnamespace::regnamespace::text = 'pg_trickle_storage' AS on_storage
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class h ON h.oid = i.indrelid LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
  WHERE nspname IN ('in_a', 'in_b', 'index_names') AND c.relname <> 'item_pkey' ORDER BY 1, 2;

-- one_name_in_two_schemas
CREATE INDEX by_kind ON in_a.st (kind);
CREATE INDEX by_kind ON in_b.st (kind);
CREATE INDEX by_kind ON in_b.st (n);
SET client_min_messages = notice;
CREATE INDEX IF NOT EXISTS by_kind ON in_b.st (n);
CREATE INDEX IF NOT EXISTS by_n ON in_b.st (n);
SET client_min_messages = warning;
-- a_table_of_the_schema_has_the_name
CREATE TABLE in_a.taken ();
CREATE INDEX taken ON in_a.st (n);
-- default_names_are_those_of_PostgreSQL
CREATE INDEX ON in_a.st (kind, (n + 1)) INCLUDE (id);
CREATE INDEX ON in_a.st (kind, (n + 1)) INCLUDE (id);
SELECT * FROM indexes;

-- statements_on_an_index
ALTER INDEX in_a.by_kind RENAME TO of_kind;
ALTER INDEX in_a.of_kind SET (fillfactor = 60);
COMMENT ON INDEX in_a.of_kind IS 'of a';
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE index_names LOCATION '';
ALTER INDEX in_a.of_kind SET TABLESPACE index_names;
REINDEX INDEX in_a.of_kind;
REINDEX INDEX CONCURRENTLY in_a.of_kind;
SET search_path = in_a, index_names, public;
REINDEX INDEX st_kind_expr_id_idx;
DROP INDEX in_b.by_n;
DROP INDEX IF EXISTS in_b.by_n, st_kind_expr_id_idx1;
DROP INDEX in_b.by_n;
SELECT * FROM indexes;
SELECT split_part(pgtrickle.export_definition('in_a.st'), E');\n', 2);
-- a_name_that_contains_the_name_of_a_storage
CREATE INDEX "a "" ON pg_trickle_storage.st_1 b" ON in_b.st (id);
SELECT indexes FROM pgtrickle.pgt_dumped('in_b.st'::regclass);
DROP INDEX in_b."a "" ON pg_trickle_storage.st_1 b";
-- an_index_that_a_failed_REINDEX_left_is_not_dumped
CREATE INDEX left_over ON in_b.st (id);
SET allow_system_table_mods = on;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'in_b.left_over'::regclass;
SELECT indexes FROM pgtrickle.pgt_dumped('in_b.st'::regclass);
SELECT pgtrickle.export_definition('in_b.st') ~ 'left_over' AS is_exported;
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'in_b.left_over'::regclass;
RESET allow_system_table_mods;
DROP INDEX in_b.left_over;
-- beside_a_cursor
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM in_b.st;
FETCH c \g /dev/null
CREATE INDEX refused ON in_b.st (n);
ROLLBACK;
-- its_owner, and_no_other_role
CREATE ROLE index_names_owner; CREATE ROLE index_names_other;
GRANT USAGE ON SCHEMA in_a, in_b TO index_names_owner, index_names_other;
ALTER FOREIGN TABLE in_a.st OWNER TO index_names_owner;
SET ROLE index_names_other;
ALTER INDEX in_a.of_kind RENAME TO mine;
\set VERBOSITY sqlstate
REINDEX INDEX in_a.of_kind;
\set VERBOSITY default
DROP INDEX in_a.of_kind;
COMMENT ON INDEX in_a.of_kind IS 'mine';
SET ROLE index_names_owner;
CREATE INDEX refused ON in_a.st (n);
REINDEX INDEX in_a.of_kind;
COMMENT ON INDEX in_a.of_kind IS 'of its owner';
DROP INDEX in_a.st_kind_expr_id_idx;
RESET ROLE;
GRANT CREATE ON SCHEMA in_a TO index_names_owner;
SET ROLE index_names_owner;
CREATE INDEX by_n ON in_a.st (n);
RESET ROLE;
ALTER FOREIGN TABLE in_a.st OWNER TO CURRENT_USER;
-- its_schema_follows_the_stream_table
ALTER FOREIGN TABLE in_a.st RENAME TO moved;
CREATE TABLE in_b.of_kind ();
ALTER FOREIGN TABLE in_a.moved SET SCHEMA in_b;
DROP TABLE in_b.of_kind;
ALTER FOREIGN TABLE in_a.moved SET SCHEMA in_b;
SELECT * FROM indexes;
ALTER FOREIGN TABLE in_b.moved OPTIONS (SET query 'SELECT id, kind, n + 1 AS n FROM index_names.item');
SELECT * FROM indexes;
DROP SCHEMA in_a CASCADE;
-- the_indexes_of_parts_stay_with_them
SELECT pgtrickle.alter_stream_table('in_b.moved', partition_by => 'HASH (id, 2)');
SELECT * FROM indexes;
SELECT count(*) AS parts FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'in_b.of_kind'::regclass AND relnamespace = 'pg_trickle_storage'::regnamespace;
REINDEX INDEX CONCURRENTLY in_b.of_kind;
SELECT index, indisvalid FROM indexes;
SELECT pgtrickle.alter_stream_table('in_b.moved', partition_by => 'none');
-- those_with_names_that_PostgreSQL_shortens_in_the_middle_of_a_character
CREATE TABLE index_names.wide (id int PRIMARY KEY, "ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ" int);
SELECT pgtrickle.create_stream_table('in_b.wide', 'SELECT * FROM index_names.wide', '520w', partition_by => 'HASH (id, 2)');
CREATE INDEX of_wide ON in_b.wide ("ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ", id);
REINDEX INDEX CONCURRENTLY in_b.of_wide;
SELECT relnamespace::regnamespace AS schema, count(*) FROM pg_class WHERE relkind IN ('i', 'I') AND (relname ~ 'Ä' OR relname = 'of_wide') GROUP BY 1 ORDER BY 1;
DROP FOREIGN TABLE in_b.wide;
DROP TABLE index_names.wide;
-- own_indexes_stay_where_they_are
SELECT 'st_' || 'in_b.moved'::regclass::oid AS heap \gset
REINDEX TABLE CONCURRENTLY pg_trickle_storage.:heap;
SELECT replace(c.oid::regclass::text, :'heap', 'heap') AS index, indisvalid FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = ('pg_trickle_storage.' || :'heap')::regclass ORDER BY 1;
INSERT INTO item VALUES (1000, 'k1', 7);
SELECT pgtrickle.refresh_stream_table('in_b.moved');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM in_b.moved WHERE kind = 'k1' \g |grep -o 'of_kind'
SELECT count(*) FROM in_b.moved WHERE kind = 'k1';
RESET enable_seqscan;
-- names_of_any_length
DO $$ DECLARE n int; BEGIN
  FOREACH n IN ARRAY '{50,51,52,53,56,57,58,62,63}'::int[] LOOP EXECUTE format('CREATE INDEX %s ON in_b.moved (n)', 'l' || n || repeat('x', n - 3)); END LOOP; END $$;
SELECT format('REINDEX INDEX CONCURRENTLY in_b.%I', relname) FROM pg_class WHERE relname ~ '^l\d\dx' ORDER BY 1 \gexec
SELECT relnamespace::regnamespace AS schema, count(*), count(*) FILTER (WHERE indisvalid AND length(relname) = substr(relname, 2, 2)::int) AS as_before FROM pg_class JOIN pg_index ON indexrelid = oid WHERE relname ~ '^l\d\dx' GROUP BY 1;
SELECT format('DROP INDEX in_b.%I', relname) FROM pg_class WHERE relname ~ '^l\d\dx' ORDER BY 1 \gexec
-- a_name_like_one_of_another_storage_does_no_harm
SELECT pgtrickle.create_stream_table('in_b.ranges', 'SELECT id, n FROM index_names.item', '520w', partition_by => 'RANGE (n, 1000)');
SELECT format('CREATE INDEX "st_%1$s_p2" ON in_b.moved (n); REINDEX INDEX CONCURRENTLY in_b."st_%1$s_p2"', 'in_b.ranges'::regclass::oid) AS taken \gset
:taken;
SELECT count(*) AS in_the_schema_of_the_stream_table FROM pg_class WHERE relname LIKE 'st\_%' AND relkind = 'i' AND relnamespace = 'in_b'::regnamespace;
INSERT INTO item VALUES (3000, 'k1', 3000), (5000, 'k1', 5000);
SELECT pgtrickle.refresh_stream_table('in_b.ranges');
ALTER FOREIGN TABLE in_b.ranges OPTIONS (SET query 'SELECT id, n FROM index_names.item WHERE n > 0');
SELECT count(*) FROM in_b.ranges WHERE n > 2000;
-- to_the_schema_where_it_is
ALTER FOREIGN TABLE in_b.moved SET SCHEMA in_b;
-- DROP_of_the_stream_table
DROP FOREIGN TABLE in_b.ranges;
DROP FOREIGN TABLE in_b.moved;
SELECT * FROM indexes;
DROP SCHEMA in_b, index_names CASCADE;
DROP TABLESPACE index_names;
DROP ROLE index_names_owner, index_names_other;
RESET search_path; RESET client_min_messages;
