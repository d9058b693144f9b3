-- The stream tables and their state. Every role sees the stream tables that it may read; queries and error
-- texts, which quote data, are shown to the owner and pg_monitor.

CREATE FUNCTION pgtrickle.stream_table_rows(
    OUT pgt_id bigint, OUT pgt_relid oid, OUT pgt_name text, OUT pgt_schema text, OUT defining_query text,
    OUT original_query text, OUT schedule text, OUT refresh_mode text, OUT status text, OUT is_populated bool,
    OUT data_timestamp timestamptz, OUT frontier jsonb, OUT last_refresh_at timestamptz,
    OUT consecutive_errors int, OUT needs_reinit bool, OUT topk_limit int, OUT topk_order_by text,
    OUT topk_offset int, OUT diamond_consistency text, OUT diamond_schedule_policy text,
    OUT has_keyless_source bool, OUT scc_id int, OUT refresh_tier text, OUT effective_refresh_mode text,
    OUT last_error_message text, OUT last_error_at timestamptz, OUT created_at timestamptz,
    OUT updated_at timestamptz, OUT st_partition_key text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_stream_table_rows';
COMMENT ON FUNCTION pgtrickle.stream_table_rows() IS 'internal: rows of pgtrickle.pgt_stream_tables';

CREATE VIEW pgtrickle.pgt_stream_tables AS
  SELECT *, -- of the public extension, without meaning here
         NULL::text AS requested_cdc_mode, NULL::text AS fuse_mode, NULL::bigint AS fuse_ceiling, NULL::int AS fuse_sensitivity
  FROM pgtrickle.stream_table_rows();
COMMENT ON VIEW pgtrickle.pgt_stream_tables IS 'stream tables of this database that the caller may read';

CREATE FUNCTION pgtrickle.pgt_status(
    OUT name text, OUT status text, OUT refresh_mode text, OUT is_populated bool, OUT consecutive_errors int,
    OUT schedule text, OUT data_timestamp timestamptz, OUT staleness interval, OUT scc_id int
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_pgt_status';
COMMENT ON FUNCTION pgtrickle.pgt_status() IS 'status and staleness of each stream table that the caller may read';

CREATE FUNCTION pgtrickle.get_staleness(name text) RETURNS float8
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_get_staleness';
COMMENT ON FUNCTION pgtrickle.get_staleness(text)
  IS 'age in seconds of the oldest pending change of a stream table; 0 if no change is pending, NULL if it was never filled';

CREATE FUNCTION pgtrickle.data_timestamp(name text) RETURNS timestamptz
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_data_timestamp';
COMMENT ON FUNCTION pgtrickle.data_timestamp(text)
  IS 'time as of which the rows of a stream table are current; the current time if no change is pending, NULL if it was never filled';

CREATE FUNCTION pgtrickle.parse_duration_seconds(duration text) RETURNS bigint
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_parse_duration_seconds';
COMMENT ON FUNCTION pgtrickle.parse_duration_seconds(text) IS 'converts a duration such as 1h30m to seconds';
