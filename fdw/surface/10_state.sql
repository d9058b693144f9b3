-- What must commit together with the data: one row of state a stream table, and what it reads.
-- Users see these through the views; the tables themselves are closed.

CREATE TABLE pgtrickle.pgt_state (
  relid              oid PRIMARY KEY,               -- the foreign table
  frontier           pg_snapshot,                   -- how far its sources are taken in; NULL: unpopulated
  own_xid            xid8,                          -- the transaction that took the frontier, and
  own_seq            int4,                          -- the last change of its own that is in
  system_identifier  int8,                          -- a frontier means nothing in another cluster
  data_timestamp     timestamptz,                   -- when the frontier's snapshot was taken
  is_populated       bool NOT NULL DEFAULT false,
  status             text NOT NULL DEFAULT 'INITIALIZING',
  consecutive_errors int4 NOT NULL DEFAULT 0,
  generation         int8 NOT NULL DEFAULT 1,       -- of the definition: counts its changes, but those in pgt_mark
  kept_by_deltas     bool,                          -- what its rows were made by: a program, or the query itself
  last_refresh_at    timestamptz,
  last_error_message text,
  last_error_at      timestamptz,
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.pgt_state IS 'internal: transactional state of each stream table';
REVOKE ALL ON pgtrickle.pgt_state FROM PUBLIC;

-- Rows are only inserted and removed, so a transaction that marks keeps no refresh waiting.
CREATE TABLE pgtrickle.pgt_mark (
  relid  oid  NOT NULL,                             -- the stream table
  xid    xid8 NOT NULL,                             -- the transaction that marked it
  number int4 NOT NULL,
  reason text,                                      -- why it must start over; NULL: only its definition has changed
  PRIMARY KEY (relid, xid, number)
);
COMMENT ON TABLE pgtrickle.pgt_mark IS 'internal: reasons for reinitialization, and definition changes, that no refresh has processed yet';
REVOKE ALL ON pgtrickle.pgt_mark FROM PUBLIC;

CREATE TABLE pgtrickle.pgt_dependency (
  relid        oid  NOT NULL,                       -- the stream table
  source_relid oid  NOT NULL,                       -- what it reads: a table or a stream table, after views are expanded
  position     int4 NOT NULL,                       -- the source's number in the plan
  columns      int2[] NOT NULL,                     -- attribute numbers it reads
  is_captured  bool NOT NULL DEFAULT true,          -- false: it may not be, so the stream table is refreshed when it is due
  PRIMARY KEY (relid, source_relid)
);
CREATE INDEX pgt_dependency_source ON pgtrickle.pgt_dependency (source_relid);
COMMENT ON TABLE pgtrickle.pgt_dependency IS 'internal: sources of each stream table, with the columns read';
REVOKE ALL ON pgtrickle.pgt_dependency FROM PUBLIC;

-- The reserved prefix keeps users, even superusers, from touching what lies in these
-- schemas, and pg_dump from dumping it: both are derived data.
SET LOCAL allow_system_table_mods = on;
CREATE SCHEMA pg_trickle_storage;
COMMENT ON SCHEMA pg_trickle_storage IS 'internal: heaps that hold the rows of stream tables and their arrangements';
CREATE SCHEMA pg_trickle_log;
COMMENT ON SCHEMA pg_trickle_log IS 'internal: change logs of sources';
RESET allow_system_table_mods;
