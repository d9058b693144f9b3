-- Repair of damaged stream tables.

CREATE FUNCTION pgtrickle.repair_stream_table(name text) RETURNS text
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_repair_stream_table';
COMMENT ON FUNCTION pgtrickle.repair_stream_table(text)
  IS 'checks storage, state and capture of a stream table, repairs them, and compares its rows with its query; returns a report';
