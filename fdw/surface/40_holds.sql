-- Holds on refreshes: pauses, a drain, gates, and sources of watermark groups. A dump preserves the settings
-- of operators by the names of relations; a drain belongs to the maintenance window of this server.

CREATE TABLE pgtrickle.pgt_hold (
  kind       text NOT NULL CHECK (kind IN ('drain', 'pause', 'gate', 'watermark')),
  relation   regclass NOT NULL,                     -- 0: the whole database
  group_name text NOT NULL DEFAULT '',              -- of a watermark group
  since      timestamptz NOT NULL DEFAULT now(),
  by_role    text NOT NULL,
  ended_at   timestamptz,                           -- of a gate that is open again; otherwise NULL
  PRIMARY KEY (kind, relation, group_name)
);
CREATE INDEX pgt_hold_relation ON pgtrickle.pgt_hold (relation);
CREATE INDEX pgt_hold_group ON pgtrickle.pgt_hold (group_name);
COMMENT ON TABLE pgtrickle.pgt_hold IS 'internal: pauses, drains, gates and watermark groups that hold refreshes';
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_hold', 'WHERE false'); -- its rows are those of pgt_dumped_row

CREATE FUNCTION pgtrickle.pause_scheduler(nodes text[] DEFAULT NULL) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_pause_scheduler';
COMMENT ON FUNCTION pgtrickle.pause_scheduler(text[])
  IS 'prevents the manager from refreshing the given stream tables until they are resumed; NULL means all stream tables of this database';

CREATE FUNCTION pgtrickle.resume_scheduler(nodes text[] DEFAULT NULL) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_resume_scheduler';
COMMENT ON FUNCTION pgtrickle.resume_scheduler(text[])
  IS 'resumes the given stream tables; NULL ends the pause of the whole database and a drain';

CREATE FUNCTION pgtrickle.drain(timeout_s int DEFAULT 60) RETURNS bool
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_drain';
COMMENT ON FUNCTION pgtrickle.drain(int)
  IS 'stops the manager from starting refreshes in this database, and waits for running refreshes; returns false if they have not finished after timeout_s seconds';

CREATE FUNCTION pgtrickle.is_drained() RETURNS bool
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_is_drained';
COMMENT ON FUNCTION pgtrickle.is_drained()
  IS 'true if this database is drained and no refresh of the manager is running';

CREATE FUNCTION pgtrickle.holds(
    OUT pgt_schema text, OUT pgt_name text, OUT hold text, OUT reason text, OUT culprit text, OUT since timestamptz,
    OUT by_role text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_holds';
COMMENT ON FUNCTION pgtrickle.holds() IS 'held stream tables that the caller may read, with the reasons';
