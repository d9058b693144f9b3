-- An index on a stream table is created on its storage.
CREATE TABLE ix_source (id int PRIMARY KEY, n int, t text);
INSERT INTO ix_source SELECT i, i % 10, 'x' || i FROM generate_series(1, 1000) i;
CREATE FOREIGN TABLE ix_st () SERVER pgtrickle OPTIONS (query 'SELECT id, n, t FROM ix_source', schedule '520w');
CREATE INDEX ON ix_st (n);
CREATE INDEX ix_lower ON ix_st (lower(t)) WHERE n > 3;
SELECT replace(pg_get_indexdef(indexrelid), 'ix_st'::regclass::oid::text, '<oid>') AS definition
  FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
  WHERE relname = 'st_' || 'ix_st'::regclass::oid ORDER BY 1;
CREATE INDEX IF NOT EXISTS ix_lower ON ix_st (lower(t));
CREATE UNIQUE INDEX ON ix_st (id);
CREATE INDEX CONCURRENTLY ON ix_st (id);
CREATE INDEX ON ix_st (nosuch);
-- only the owner
CREATE ROLE ix_other;
GRANT CREATE ON SCHEMA public TO ix_other;
GRANT SELECT ON ix_st TO ix_other; GRANT TRIGGER ON ix_source TO ix_other;
SET ROLE ix_other;
CREATE INDEX ON ix_st (n);
DROP INDEX ix_lower;
RESET ROLE;
DROP INDEX ix_lower;
DROP INDEX ix_lower;
-- not_even_the_owner_drops_indexes_that_refreshes_need
DROP INDEX ix_st_id_idx;
SELECT format('DROP INDEX pg_trickle_storage.st_%s_key', 'ix_st'::regclass::oid) AS drop_own \gset
\set VERBOSITY sqlstate
:drop_own;
:drop_own CASCADE;
\set VERBOSITY default
-- in_a_tablespace_that_its_owner_may_use
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE ix_space LOCATION '';
ALTER FOREIGN TABLE ix_st OWNER TO ix_other;
SET ROLE ix_other;
CREATE INDEX ix_placed ON ix_st (n) TABLESPACE ix_space;
CREATE INDEX ix_placed ON ix_st (n) TABLESPACE ix_nosuch;
SET default_tablespace = ix_space;
CREATE INDEX ix_placed ON ix_st (n);
RESET default_tablespace;
RESET ROLE;
GRANT CREATE ON TABLESPACE ix_space TO ix_other;
SET ROLE ix_other;
CREATE INDEX ix_placed ON ix_st (n) TABLESPACE ix_space;
RESET ROLE;
SELECT spcname FROM pg_class c JOIN pg_tablespace t ON t.oid = reltablespace WHERE relname = 'ix_placed';
DROP TABLE ix_source CASCADE;
DROP TABLESPACE ix_space;
REVOKE CREATE ON SCHEMA public FROM ix_other;
DROP ROLE ix_other;
