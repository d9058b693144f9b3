-- Gates: while one is closed, nothing made from its source is refreshed.

CREATE FUNCTION pgtrickle.gate_source(source text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_gate_source';
COMMENT ON FUNCTION pgtrickle.gate_source(text)
  IS 'no stream table made from this table, directly or by way of others, is refreshed until it is ungated';

CREATE FUNCTION pgtrickle.ungate_source(source text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_ungate_source';
COMMENT ON FUNCTION pgtrickle.ungate_source(text)
  IS 'the data of a gated table can be looked at again: what is due is refreshed at once';

CREATE FUNCTION pgtrickle.source_gates(
    OUT source_schema text, OUT source_name text, OUT gated_at timestamptz, OUT gated_by text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_source_gates';
COMMENT ON FUNCTION pgtrickle.source_gates() IS 'the gated tables that you may read';
