-- An index on a stream table lands on its storage.
CREATE TABLE ix_source (id int PRIMARY KEY, n int, t text);
INSERT INTO ix_source SELECT i, i % 10, 'x' || i FROM generate_series(1, 1000) i;
CREATE FOREIGN TABLE ix_st () SERVER pgtrickle OPTIONS (query 'SELECT id, n, t FROM ix_source', schedule '1h');
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
GRANT SELECT ON ix_st TO ix_other;
SET ROLE ix_other;
CREATE INDEX ON ix_st (n);
DROP INDEX ix_lower;
RESET ROLE;
DROP INDEX ix_lower;
DROP INDEX ix_lower;
DROP TABLE ix_source CASCADE;
DROP ROLE ix_other;
