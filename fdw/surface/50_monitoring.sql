-- Functions on which the views over the stream tables are based. Each row describes a stream table that the
-- caller may read, or a relation that such a stream table reads, so calls by users are harmless.

CREATE FUNCTION pgtrickle.stream_table_states(
    OUT pgt_relid oid, OUT pgt_schema text, OUT pgt_name text, OUT status text, OUT refresh_mode text,
    OUT schedule text, OUT is_populated bool, OUT needs_reinit bool, OUT consecutive_errors int,
    OUT data_timestamp timestamptz, OUT staleness interval, OUT is_stale bool, OUT hold text, OUT last_refresh_at timestamptz,
    OUT may_see_texts bool, OUT written_by xid, OUT needs_setup bool, OUT seconds_in_force bigint
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_stream_table_states';
COMMENT ON FUNCTION pgtrickle.stream_table_states() IS 'internal: state of each stream table that the caller may read; seconds_in_force: the duration by which the tier lets it refresh';

CREATE FUNCTION pgtrickle.statistics_rows(
    OUT pgt_relid oid, OUT action text, OUT refreshes bigint, OUT failures bigint, OUT rows_inserted bigint,
    OUT rows_deleted bigint, OUT delta_rows bigint, OUT total_ms float8, OUT max_ms float8, OUT last_ms float8,
    OUT first_at timestamptz, OUT completed_at timestamptz, OUT failed_at timestamptz
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_statistics_rows';
COMMENT ON FUNCTION pgtrickle.statistics_rows() IS 'internal: statistics of refreshes, by stream table and action';

CREATE FUNCTION pgtrickle.source_rows(
    of_relid oid DEFAULT NULL, OUT source_relid oid, OUT source_type text, OUT is_captured bool, OUT log_bytes bigint, OUT damage text,
    OUT readers bigint
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_source_rows';
COMMENT ON FUNCTION pgtrickle.source_rows(oid) IS 'internal: sources of one stream table, or of all, that the caller may read';

CREATE FUNCTION pgtrickle.pending_rows(
    of_relid oid DEFAULT NULL, OUT pgt_relid oid, OUT source_relid oid, OUT pending_rows bigint, OUT pending_bytes bigint,
    OUT starts_over bool, OUT pending_since timestamptz
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_pending_rows';
COMMENT ON FUNCTION pgtrickle.pending_rows(oid) IS 'internal: pending changes of one stream table, or of all, by source';

CREATE FUNCTION pgtrickle.trigger_rows(
    OUT source_relid oid, OUT table_relid oid, OUT trigger_name text, OUT event text, OUT is_for_rows bool,
    OUT is_present bool, OUT is_enabled bool, OUT stream_tables text[], OUT owners text[]
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_trigger_rows';
COMMENT ON FUNCTION pgtrickle.trigger_rows() IS 'internal: capture triggers that each source needs';

CREATE FUNCTION pgtrickle.progress_rows(
    OUT pid int, OUT datid oid, OUT datname text, OUT relid oid, OUT phase text, OUT part int, OUT parts int,
    OUT rows_done bigint, OUT rows_expected bigint, OUT started_at timestamptz
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_progress_rows';
COMMENT ON FUNCTION pgtrickle.progress_rows() IS 'internal: rows of pgtrickle.pg_stat_progress_stream_table';

CREATE FUNCTION pgtrickle.running_refreshes(
    OUT pid int, OUT datname text, OUT pgt_relid oid, OUT members int, OUT owner text, OUT since timestamptz,
    OUT is_share_exhausted bool, OUT is_share_awaited bool
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_running_refreshes';
COMMENT ON FUNCTION pgtrickle.running_refreshes()
  IS 'internal: current refresh of each refresh worker, identified by its first stream table; pg_monitor sees other databases, too';

CREATE FUNCTION pgtrickle.server_state(
    OUT is_preloaded bool, OUT is_enabled bool, OUT is_standby bool, OUT launcher_pid int, OUT manager_pid int,
    OUT do_managers_take_turns bool, OUT running_workers int, OUT max_worker_processes int, OUT known_stream_tables bigint,
    OUT max_stream_tables bigint, OUT free_readings bigint, OUT max_readings bigint, OUT catalog_bytes bigint,
    OUT catalog_fault text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_server_state';
COMMENT ON FUNCTION pgtrickle.server_state() IS 'internal: processes, shared memory and the catalog file';

CREATE FUNCTION pgtrickle.is_other_process(pid int) RETURNS bool
  LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_is_other_process';
COMMENT ON FUNCTION pgtrickle.is_other_process(int) IS 'internal: whether there is such a process of the server, and it is none of the background workers of pg_trickle';

CREATE FUNCTION pgtrickle.missing_index_rows(
    stream_tables oid[], OUT pgt_relid oid, OUT source_relid oid, OUT statement text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_missing_index_rows';
COMMENT ON FUNCTION pgtrickle.missing_index_rows(oid[])
  IS 'internal: indexes that would avoid scans of whole sources in refreshes of the given stream tables';

CREATE FUNCTION pgtrickle.visible_stream_table(name text) RETURNS oid
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_visible_stream_table';
COMMENT ON FUNCTION pgtrickle.visible_stream_table(text)
  IS 'internal: OID of the stream table of that name; raises an error if there is none that the caller may read';

CREATE FUNCTION pgtrickle.name_list(names text[]) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT array_to_string(names[1:10], ', ')
         || CASE WHEN cardinality(names) > 10 THEN ' and ' || cardinality(names) - 10 || ' more' ELSE '' END;
END;
COMMENT ON FUNCTION pgtrickle.name_list(text[]) IS 'internal: list of names for a message, limited to ten';
