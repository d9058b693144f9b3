-- Changes of many stream tables at once: all or none.

CREATE FUNCTION pgtrickle.bulk_create(definitions jsonb) RETURNS jsonb
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_bulk_create';
COMMENT ON FUNCTION pgtrickle.bulk_create(jsonb)
  IS 'creates stream tables from an array of objects, in order, all or none; the keys are the arguments of create_stream_table';

CREATE FUNCTION pgtrickle.bulk_alter_stream_tables(names text[], params json) RETURNS int
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_bulk_alter_stream_tables';
COMMENT ON FUNCTION pgtrickle.bulk_alter_stream_tables(text[], json)
  IS 'alters the given stream tables, all or none; the keys of the object are the arguments of alter_stream_table; returns the number of stream tables';

CREATE FUNCTION pgtrickle.bulk_drop_stream_tables(names text[]) RETURNS int
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_bulk_drop_stream_tables';
COMMENT ON FUNCTION pgtrickle.bulk_drop_stream_tables(text[])
  IS 'drops the given stream tables, all or none, in dependency order; returns the number of stream tables';
