-- The owner of a relation decides whether its changes are captured for the stream tables of others.

CREATE TABLE pgtrickle.pgt_stopped_capture (
  relation   regclass PRIMARY KEY,
  stopped_at timestamptz NOT NULL DEFAULT now(),
  by_role    text NOT NULL
);
COMMENT ON TABLE pgtrickle.pgt_stopped_capture IS 'internal: relations whose owners have stopped the capture of their changes';
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_stopped_capture', 'WHERE false'); -- its rows are those of pgt_dumped_row

-- A dump restores rows by COPY, while stream tables are being filled.
CREATE FUNCTION pgtrickle.pgt_note_stopped_capture() RETURNS trigger
  LANGUAGE c
  AS 'MODULE_PATHNAME', 'pgtrickle_note_stopped_capture';
COMMENT ON FUNCTION pgtrickle.pgt_note_stopped_capture() IS 'internal: trigger function that invalidates cached decisions about the capture of a relation';
CREATE TRIGGER pgt_note_stopped_capture AFTER INSERT OR DELETE ON pgtrickle.pgt_stopped_capture
  FOR EACH ROW EXECUTE FUNCTION pgtrickle.pgt_note_stopped_capture();

CREATE FUNCTION pgtrickle.stop_capture(source text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_stop_capture';
COMMENT ON FUNCTION pgtrickle.stop_capture(text)
  IS 'stops the capture of changes of a table, on behalf of its owner; stream tables that read it are maintained by full refreshes until capture is allowed again';

CREATE FUNCTION pgtrickle.allow_capture(source text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_allow_capture';
COMMENT ON FUNCTION pgtrickle.allow_capture(text)
  IS 'allows the capture of changes of a table again, for stream tables whose owners have the TRIGGER privilege on the table';

CREATE FUNCTION pgtrickle.stopped_captures(
    OUT source_schema text, OUT source_name text, OUT stopped_at timestamptz, OUT stopped_by text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_stopped_captures';
COMMENT ON FUNCTION pgtrickle.stopped_captures() IS 'tables that the caller may read and whose owners have stopped the capture of their changes';
