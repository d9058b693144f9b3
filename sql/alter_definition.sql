-- ALTER of a stream table and of its sources.
\set VERBOSITY default
CREATE TABLE al_source (id int PRIMARY KEY, n int, unread text);
CREATE TABLE al_other (id int PRIMARY KEY, n int);
INSERT INTO al_source VALUES (1, 10), (2, 20);
INSERT INTO al_other VALUES (7, 70);
CREATE FOREIGN TABLE al_st (id int, n bigint) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM al_source', schedule '520w');
CREATE FOREIGN TABLE al_reader () SERVER pgtrickle OPTIONS (query 'SELECT sum(n) AS s FROM al_st', schedule '520w');

-- options
ALTER FOREIGN TABLE al_st OPTIONS (SET schedule '5m', ADD append_only 'true');
ALTER FOREIGN TABLE al_st OPTIONS (DROP append_only, refresh_mode 'FULL');
SELECT schedule, refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'al_st';
ALTER FOREIGN TABLE al_st OPTIONS (SET refresh_mode 'DIFFERENTIAL');
ALTER FOREIGN TABLE al_st OPTIONS (SET schedule 'never');
ALTER FOREIGN TABLE al_st OPTIONS (ADD schedule '5m');
ALTER FOREIGN TABLE al_st OPTIONS (DROP tier);
ALTER FOREIGN TABLE al_st OPTIONS (DROP query);
ALTER FOREIGN TABLE al_st OPTIONS (SET original_query 'SELECT 1');

-- query_online: other source, same columns
ALTER FOREIGN TABLE al_st OPTIONS (SET query 'SELECT id, n FROM al_other');
SELECT * FROM al_st;
INSERT INTO al_other VALUES (8, 80);
SELECT pgtrickle.refresh_stream_table('al_reader');
SELECT * FROM al_reader;
SELECT source_relid::regclass, source_type, columns_used FROM pgtrickle.pgt_dependencies
  WHERE pgt_id = 'al_st'::regclass::oid::bigint;
ALTER FOREIGN TABLE al_st OPTIONS (SET query 'SELECT id FROM al_other');
ALTER FOREIGN TABLE al_st OPTIONS (SET query 'SELECT id, n::text FROM al_other');
-- cycle
ALTER FOREIGN TABLE al_st OPTIONS (SET query 'SELECT s::int AS id, s::bigint AS n FROM al_reader');
ALTER FOREIGN TABLE al_st OPTIONS (SET query 'SELECT id, n FROM al_st');
SELECT * FROM al_st ORDER BY id;

-- structure
ALTER FOREIGN TABLE al_st ADD COLUMN more int;
ALTER FOREIGN TABLE al_st DROP COLUMN n;
ALTER FOREIGN TABLE al_st ALTER COLUMN n SET NOT NULL;
CREATE TRIGGER al_trigger BEFORE UPDATE ON al_st FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE al_parent (s numeric);
ALTER FOREIGN TABLE al_reader INHERIT al_parent;
SELECT * FROM al_parent;
ALTER TABLE al_parent ADD COLUMN more int;
ALTER FOREIGN TABLE al_reader NO INHERIT al_parent;

-- sources
ALTER TABLE al_other DROP COLUMN n;
DROP TABLE al_other;
ALTER FOREIGN TABLE al_st OPTIONS (SET query 'SELECT id, n FROM al_source');
DROP TABLE al_other;
ALTER TABLE al_source DROP COLUMN unread;
ALTER TABLE al_source ADD COLUMN more int DEFAULT 5;
UPDATE al_source SET n = 11 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('al_reader');
SELECT * FROM al_reader;

-- owner: all internal tables get the new owner
CREATE ROLE al_owner;
ALTER FOREIGN TABLE al_st OWNER TO al_owner;
SELECT DISTINCT relowner::regrole FROM pg_class
  WHERE relnamespace = 'pg_trickle_storage'::regnamespace AND relname ~ ('_' || 'al_st'::regclass::oid || '(_|$)');
-- its owner may not read the source
SELECT pgtrickle.refresh_stream_table('al_st');
GRANT SELECT ON al_source TO al_owner;
SELECT pgtrickle.refresh_stream_table('al_st');
REVOKE SELECT ON al_source FROM al_owner;
DROP OWNED BY al_owner CASCADE;
DROP ROLE al_owner;
DROP TABLE al_source, al_parent CASCADE;
SELECT count(*) FROM pgtrickle.pgt_state;
