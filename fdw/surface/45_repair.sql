-- What is damaged is put right.

CREATE FUNCTION pgtrickle.repair_stream_table(name text) RETURNS text
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_repair_stream_table';
COMMENT ON FUNCTION pgtrickle.repair_stream_table(text)
  IS 'checks storage, state and capture of a stream table, mends them, and makes its rows anew; says what it did';
