-- Gates: while the gate of a source is closed, no stream table downstream of the source is refreshed.

CREATE FUNCTION pgtrickle.gate_source(source text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_gate_source';
COMMENT ON FUNCTION pgtrickle.gate_source(text)
  IS 'gates a table: all stream tables downstream of it are held until it is ungated';

CREATE FUNCTION pgtrickle.ungate_source(source text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_ungate_source';
COMMENT ON FUNCTION pgtrickle.ungate_source(text)
  IS 'removes the gate of a table: downstream stream tables that are due are refreshed at once';

CREATE FUNCTION pgtrickle.source_gates(
    OUT source_table text, OUT schema_name text, OUT gated bool, OUT gated_at timestamptz, OUT ungated_at timestamptz,
    OUT gated_by text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_source_gates';
COMMENT ON FUNCTION pgtrickle.source_gates() IS 'tables that are gated or have been, and that the caller may read';
