-- pg_upgrade transfers definitions, but not the contents of the reserved schemas, which are dropped before it
-- and created again after it.

CREATE TABLE pgtrickle.pgt_upgrade (
  relid      oid PRIMARY KEY,                       -- a prepared stream table
  generation int8 NOT NULL,                         -- programs compiled for this or an earlier generation are invalid
  status     text NOT NULL,
  tablespace text,                                  -- of its storage; NULL: that of the database
  indexes    jsonb NOT NULL                         -- that users have created, as in pgt_dumped()
);
COMMENT ON TABLE pgtrickle.pgt_upgrade IS 'internal: properties of stream tables that pg_upgrade does not preserve';

CREATE FUNCTION pgtrickle.prepare_upgrade() RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_prepare_upgrade';
COMMENT ON FUNCTION pgtrickle.prepare_upgrade()
  IS 'prepares a database for pg_upgrade: drops the storage and change logs of all stream tables and keeps their definitions; returns the number of stream tables';

CREATE FUNCTION pgtrickle.finish_upgrade() RETURNS bigint
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_finish_upgrade';
COMMENT ON FUNCTION pgtrickle.finish_upgrade()
  IS 'recreates what prepare_upgrade() dropped, after pg_upgrade or instead of it; the manager then fills the stream tables; returns the number of stream tables';
