-- VACUUM and REINDEX TABLE of a stream table work for its owner, under its name.
SET client_min_messages = warning;
CREATE SCHEMA heap_statements;
CREATE ROLE heap_statements_owner; CREATE ROLE heap_statements_other;
GRANT USAGE, CREATE ON SCHEMA heap_statements TO heap_statements_owner;
GRANT USAGE ON SCHEMA heap_statements TO heap_statements_other;
SET search_path = heap_statements, public;
CREATE TABLE src (id int PRIMARY KEY, g int);
ALTER TABLE src OWNER TO heap_statements_owner;
INSERT INTO src SELECT g, g % 7 FROM generate_series(1, 5000) g;
SELECT pgtrickle.create_stream_table('st', 'SELECT id, g FROM src', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('often', 'SELECT g, count(*) AS n FROM src GROUP BY g HAVING count(*) > 1', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('parts', 'SELECT id, g FROM src', '520w', 'DIFFERENTIAL', partition_by => 'HASH (id, 2)');
ALTER FOREIGN TABLE st OWNER TO heap_statements_owner; ALTER FOREIGN TABLE often OWNER TO heap_statements_owner; ALTER FOREIGN TABLE parts OWNER TO heap_statements_owner;
CREATE FUNCTION heaps(name text) RETURNS SETOF pg_class LANGUAGE sql STABLE AS $$
  SELECT * FROM pg_class WHERE relnamespace = 'pg_trickle_storage'::regnamespace AND relkind = 'r' AND relname ~ ('^st_' || name::regclass::oid || '(_|$)') $$;
CREATE FUNCTION indexes(name text) RETURNS SETOF pg_class LANGUAGE sql STABLE AS $$
  SELECT i.* FROM heaps(name) h JOIN pg_index ON indrelid = h.oid JOIN pg_class i ON i.oid = indexrelid $$;
CREATE FUNCTION is_vacuumed(name text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT bool_and(pg_stat_get_vacuum_count(oid) > 0) FROM heaps(name) $$;
DELETE FROM src WHERE id > 2000 OR g = 6;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{st,often,parts}'::text[]) name;
SELECT is_vacuumed('st'), is_vacuumed('often'), is_vacuumed('parts');
-- VACUUM_of_all_heaps
SET ROLE heap_statements_owner;
VACUUM st;
VACUUM (FREEZE) often, parts;
RESET ROLE;
SELECT is_vacuumed('st'), is_vacuumed('often'), is_vacuumed('parts');
SELECT count(*) AS heaps_of_often FROM heaps('often');
-- with_ANALYZE, also_of_a_column
SELECT reltuples FROM pg_class WHERE oid = 'st'::regclass;
VACUUM (ANALYZE) st (g), src;
SELECT c.reltuples, (SELECT reltuples FROM heaps('st')) AS stored, array_agg(attname) AS columns FROM pg_class c, pg_stats s
  WHERE c.oid = 'st'::regclass AND s.schemaname = 'heap_statements' AND s.tablename = 'st' GROUP BY 1;
VACUUM st (g);
VACUUM (VERBOSE off) src, often (g);
-- FULL
SELECT pg_relation_size(oid) AS before FROM heaps('st') \gset
SET ROLE heap_statements_owner;
VACUUM (ANALYZE) st, often (n), parts, src;
VACUUM (ANALYZE) st, often, src, parts;
VACUUM FULL st;
RESET ROLE;
SELECT pg_relation_size(oid) < :before AS is_smaller FROM heaps('st');
INSERT INTO src VALUES (9001, 1);
SELECT pgtrickle.refresh_stream_table('st');
SELECT * FROM test.differences('st', 'SELECT id, g FROM src');
-- by_another_role, and_in_a_transaction_block
SET ROLE heap_statements_other;
\set VERBOSITY sqlstate
VACUUM st;
VACUUM (ANALYZE) often;
\set VERBOSITY default
REINDEX TABLE st;
RESET ROLE;
BEGIN;
VACUUM st;
ROLLBACK;
-- by_the_owner_of_the_database
SELECT current_database() AS database, pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = current_database() \gset
SELECT pg_stat_get_vacuum_count(oid) AS before FROM heaps('st') \gset
ALTER DATABASE :"database" OWNER TO heap_statements_other;
SET ROLE heap_statements_other;
VACUUM (ANALYZE) st;
RESET ROLE;
ALTER DATABASE :"database" OWNER TO :"owner";
SELECT pg_stat_get_vacuum_count(oid) > :before AS is_vacuumed FROM heaps('st');
-- REINDEX_TABLE
CREATE INDEX by_g ON st (g);
CREATE TABLE before AS SELECT oid, relfilenode FROM indexes('st') UNION ALL SELECT oid, relfilenode FROM indexes('often') UNION ALL SELECT oid, relfilenode FROM indexes('parts');
SET ROLE heap_statements_owner;
REINDEX TABLE st;
BEGIN;
REINDEX (VERBOSE off) TABLE parts;
REINDEX TABLE often;
COMMIT;
REINDEX TABLE CONCURRENTLY st;
REINDEX (TABLESPACE pg_default) TABLE st;
REINDEX INDEX CONCURRENTLY by_g;
RESET ROLE;
SELECT count(*) > 3 AS several, count(*) FILTER (WHERE c.relfilenode = b.relfilenode) AS as_before FROM before b JOIN pg_class c USING (oid);
SET enable_seqscan = off;
SELECT count(*) FROM st WHERE g = 1;
RESET enable_seqscan;
-- CLUSTER
CLUSTER st USING by_g;
CLUSTER src USING src_pkey;
DROP SCHEMA heap_statements CASCADE;
DROP ROLE heap_statements_owner, heap_statements_other;
RESET client_min_messages;
