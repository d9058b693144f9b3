-- Many stream tables at once: all, or none.

CREATE FUNCTION pgtrickle.bulk_create(definitions jsonb) RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_bulk_create';
COMMENT ON FUNCTION pgtrickle.bulk_create(jsonb)
  IS 'creates the stream tables of an array of objects, in order, all or none; the keys are the arguments of create_stream_table';

CREATE FUNCTION pgtrickle.bulk_alter_stream_tables(names text[], params json) RETURNS int
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_bulk_alter_stream_tables';
COMMENT ON FUNCTION pgtrickle.bulk_alter_stream_tables(text[], json)
  IS 'changes these stream tables, all or none; the keys of the object are the arguments of alter_stream_table; returns their number';

CREATE FUNCTION pgtrickle.bulk_drop_stream_tables(names text[]) RETURNS int
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_bulk_drop_stream_tables';
COMMENT ON FUNCTION pgtrickle.bulk_drop_stream_tables(text[])
  IS 'drops these stream tables, all or none, in the order that their dependencies need; returns their number';
