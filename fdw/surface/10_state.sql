-- State that must commit together with the data: a row of state for each stream table, and its sources. Users
-- see this state through the views; they have no privileges on the tables themselves.

CREATE TABLE pgtrickle.pgt_state (
  relid              oid PRIMARY KEY,               -- the foreign table
  frontier           pg_snapshot,                   -- how far changes of its sources are applied; NULL: unpopulated
  own_xid            xid8,                          -- the transaction that took the frontier, and
  own_seq            int4,                          -- the last change of its own that is applied
  system_identifier  int8,                          -- a frontier is meaningless in another cluster
  data_timestamp     timestamptz,                   -- when the frontier's snapshot was taken
  is_populated       bool NOT NULL DEFAULT false,
  status             text NOT NULL DEFAULT 'INITIALIZING',
  consecutive_errors int4 NOT NULL DEFAULT 0,
  generation         int8 NOT NULL DEFAULT 1,       -- counts changes of the definition, without those in pgt_mark
  is_incremental     bool,                          -- whether a program has computed the rows, or the query itself
  collation_versions text,                          -- of what its query compares and orders by, when it was filled
  last_refresh_at    timestamptz,
  last_error_message text,
  last_error_at      timestamptz,
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.pgt_state IS 'internal: transactional state of each stream table';

-- Rows are only inserted and removed, so a transaction that inserts a mark does not block a refresh.
CREATE TABLE pgtrickle.pgt_mark (
  relid  oid  NOT NULL,                             -- the stream table
  xid    xid8 NOT NULL,                             -- the transaction that inserted the mark
  number int4 NOT NULL,
  reason text,                                      -- why it must start from nothing; NULL: only its definition has changed
  needs_setup bool NOT NULL DEFAULT false,          -- its query has other sources, or needs other heaps: it must be set up again
  PRIMARY KEY (relid, xid, number)
);
COMMENT ON TABLE pgtrickle.pgt_mark IS 'internal: reasons for reinitialization, and definition changes, that no refresh has processed yet';

CREATE TABLE pgtrickle.pgt_absence (
  checkpoint pg_lsn PRIMARY KEY,                    -- the last one of a time in which the server ran without the library
  marked_at  timestamptz NOT NULL                   -- when all stream tables were marked for it
);
COMMENT ON TABLE pgtrickle.pgt_absence IS 'internal: times in which the server ran without pg_trickle in shared_preload_libraries';

CREATE FUNCTION pgtrickle.end_of_absence() RETURNS pg_lsn
  LANGUAGE c VOLATILE PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_end_of_absence';
COMMENT ON FUNCTION pgtrickle.end_of_absence() IS 'internal: the last checkpoint of the last such time; NULL: there was none';

INSERT INTO pgtrickle.pgt_absence SELECT e.checkpoint, now() FROM pgtrickle.end_of_absence() e (checkpoint) WHERE e.checkpoint IS NOT NULL;

CREATE TABLE pgtrickle.pgt_dependency (
  relid        oid  NOT NULL,                       -- the stream table
  source_relid oid  NOT NULL,                       -- a table or a stream table that it reads, after views are expanded
  position     int4 NOT NULL,                       -- the source's number in the plan
  columns      int2[] NOT NULL,                     -- attribute numbers of the columns read
  is_captured  bool NOT NULL DEFAULT true,          -- false: not permitted, so the stream table is refreshed when it is due
  PRIMARY KEY (relid, source_relid)
);
CREATE INDEX pgt_dependency_source ON pgtrickle.pgt_dependency (source_relid);
COMMENT ON TABLE pgtrickle.pgt_dependency IS 'internal: sources of each stream table, with the columns read';

-- The reserved prefix prevents users, even superusers, from changing the contents of these schemas, and
-- pg_dump from dumping them: both schemas contain derived data.
SET LOCAL allow_system_table_mods = on;
CREATE SCHEMA pg_trickle_storage;
COMMENT ON SCHEMA pg_trickle_storage IS 'internal: heaps that hold the rows of stream tables and their arrangements';
CREATE SCHEMA pg_trickle_log;
COMMENT ON SCHEMA pg_trickle_log IS 'internal: change logs of sources';
RESET allow_system_table_mods;
