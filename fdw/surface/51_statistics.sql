-- The state of stream tables, and statistics of their refreshes.

CREATE VIEW pgtrickle.stream_tables_info AS
  SELECT t.*, s.staleness, s.is_stale AS stale, s.hold, t.topk_limit IS NOT NULL AS is_topk
  FROM pgtrickle.pgt_stream_tables t JOIN pgtrickle.stream_table_states() s USING (pgt_relid);
COMMENT ON VIEW pgtrickle.stream_tables_info
  IS 'columns of pgt_stream_tables, with the staleness, whether the staleness exceeds the schedule by far, and the hold';

CREATE VIEW pgtrickle.pg_stat_stream_tables AS
  SELECT s.pgt_schema, s.pgt_name, s.pgt_relid,
         coalesce(sum(r.refreshes), 0)::bigint AS refreshes,
         coalesce(sum(r.refreshes) FILTER (WHERE r.action = 'DIFFERENTIAL'), 0)::bigint AS differential_refreshes,
         coalesce(sum(r.refreshes) FILTER (WHERE r.action = 'FULL'), 0)::bigint AS full_refreshes,
         coalesce(sum(r.refreshes) FILTER (WHERE r.action = 'REINITIALIZE'), 0)::bigint AS reinitializations,
         coalesce(sum(r.refreshes) FILTER (WHERE r.action = 'NO_DATA'), 0)::bigint AS empty_refreshes,
         coalesce(sum(r.failures), 0)::bigint AS failed_refreshes,
         coalesce(sum(r.rows_inserted), 0)::bigint AS rows_inserted,
         coalesce(sum(r.rows_deleted), 0)::bigint AS rows_deleted,
         coalesce(sum(r.delta_rows), 0)::bigint AS delta_rows,
         -- The measurements have a resolution of microseconds.
         coalesce(round(sum(r.total_ms)::numeric, 3), 0)::float8 AS total_refresh_time,
         coalesce(round(sum(r.total_ms)::numeric / nullif(sum(r.refreshes), 0), 3), 0)::float8 AS mean_refresh_time,
         coalesce(max(r.max_ms), 0) AS max_refresh_time,
         coalesce((array_agg(r.last_ms ORDER BY r.completed_at DESC NULLS LAST))[1], 0) AS last_refresh_time,
         max(r.completed_at) AS last_refresh,
         (array_agg(r.action ORDER BY r.completed_at DESC) FILTER (WHERE r.completed_at IS NOT NULL))[1] AS last_action,
         max(r.failed_at) AS last_failure,
         min(r.first_at) AS stats_since,
         s.status, s.refresh_mode, s.is_populated, s.staleness,
         CASE WHEN s.last_refresh_at IS NOT NULL THEN s.is_stale END AS stale, s.consecutive_errors, s.last_refresh_at,
         coalesce(sum(r.refreshes + r.failures), 0)::bigint AS total_refreshes
  FROM pgtrickle.stream_table_states() s LEFT JOIN pgtrickle.statistics_rows() r USING (pgt_relid)
  GROUP BY s.pgt_schema, s.pgt_name, s.pgt_relid, s.status, s.refresh_mode, s.is_populated, s.staleness, s.is_stale,
           s.consecutive_errors, s.last_refresh_at;
COMMENT ON VIEW pgtrickle.pg_stat_stream_tables
  IS 'state of each stream table, and statistics of its refreshes since its creation, failed ones included; times in milliseconds';

CREATE FUNCTION pgtrickle.st_refresh_stats()
  RETURNS TABLE (pgt_schema text, pgt_name text, status text, refresh_mode text, is_populated bool,
                 total_refreshes bigint, successful_refreshes bigint, failed_refreshes bigint,
                 total_rows_inserted bigint, total_rows_deleted bigint, avg_duration_ms float8,
                 last_refresh_action text, last_refresh_status text, last_refresh_at timestamptz,
                 staleness_secs float8, is_stale bool)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  SELECT s.pgt_schema, s.pgt_name, s.status, s.refresh_mode, s.is_populated,
         r.total_refreshes, r.refreshes, r.failed_refreshes, r.rows_inserted, r.rows_deleted,
         r.mean_refresh_time, r.last_action,
         CASE WHEN r.last_failure > coalesce(r.last_refresh, '-infinity') THEN 'FAILED'
              WHEN r.last_refresh IS NOT NULL THEN 'COMPLETED' END,
         greatest(r.last_refresh, r.last_failure), extract(epoch FROM s.staleness)::float8, s.is_stale
  FROM pgtrickle.stream_table_states() s JOIN pgtrickle.pg_stat_stream_tables r USING (pgt_relid)
  ORDER BY 1, 2;
END;
COMMENT ON FUNCTION pgtrickle.st_refresh_stats() IS 'state and refresh statistics, one row for each stream table';

CREATE FUNCTION pgtrickle.refresh_timeline(max_rows int DEFAULT 50,
    OUT pgt_schema text, OUT pgt_name text, OUT start_time timestamptz, OUT end_time timestamptz, OUT action text,
    OUT status text, OUT initiated_by text, OUT rows_inserted bigint, OUT rows_deleted bigint,
    OUT delta_row_count bigint, OUT duration_ms float8, OUT error_message text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_refresh_timeline';
COMMENT ON FUNCTION pgtrickle.refresh_timeline(int) IS 'latest refreshes of all stream tables, newest first';
