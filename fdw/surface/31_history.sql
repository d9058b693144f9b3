-- The history of refreshes, including failed ones.

CREATE FUNCTION pgtrickle.refresh_history_rows(
    OUT refresh_id bigint, OUT pgt_id bigint, OUT data_timestamp timestamptz, OUT start_time timestamptz,
    OUT end_time timestamptz, OUT action text, OUT rows_inserted bigint, OUT rows_deleted bigint,
    OUT delta_row_count bigint, OUT was_full_fallback bool, OUT error_message text, OUT status text,
    OUT initiated_by text, OUT reason text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_refresh_history_rows';
COMMENT ON FUNCTION pgtrickle.refresh_history_rows() IS 'internal: rows of pgtrickle.pgt_refresh_history';

CREATE VIEW pgtrickle.pgt_refresh_history AS SELECT * FROM pgtrickle.refresh_history_rows();
COMMENT ON VIEW pgtrickle.pgt_refresh_history IS 'refreshes of the stream tables that the caller may read, including fills and full refreshes in progress; refreshes that are counted in totals only are not listed';

CREATE FUNCTION pgtrickle.get_refresh_history(name text, max_rows int DEFAULT 20,
    OUT refresh_id bigint, OUT data_timestamp timestamptz, OUT start_time timestamptz, OUT end_time timestamptz,
    OUT action text, OUT status text, OUT rows_inserted bigint, OUT rows_deleted bigint, OUT duration_ms float8,
    OUT error_message text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_get_refresh_history';
COMMENT ON FUNCTION pgtrickle.get_refresh_history(text, int) IS 'latest refreshes of a stream table, newest first';
