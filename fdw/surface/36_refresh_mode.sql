-- The modes in which stream tables are refreshed, the reasons, and the costs.

CREATE FUNCTION pgtrickle.explain_refresh_mode(name text,
    OUT configured_mode text, OUT effective_mode text, OUT downgrade_reason text) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_explain_refresh_mode';
COMMENT ON FUNCTION pgtrickle.explain_refresh_mode(text)
  IS 'configured and effective refresh mode of a stream table, with the reason if it is refreshed in full although deltas are configured';

CREATE FUNCTION pgtrickle.recommend_refresh_mode(name text DEFAULT NULL,
    OUT pgt_schema text, OUT pgt_name text, OUT current_mode text, OUT effective_mode text,
    OUT recommended_mode text, OUT confidence text, OUT reason text, OUT signals jsonb) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_recommend_refresh_mode';
COMMENT ON FUNCTION pgtrickle.recommend_refresh_mode(text)
  IS 'recommended refresh mode, based on past refresh times, of one stream table or of all that the caller may read';

CREATE FUNCTION pgtrickle.refresh_efficiency(
    OUT pgt_schema text, OUT pgt_name text, OUT refresh_mode text, OUT total_refreshes bigint,
    OUT diff_count bigint, OUT full_count bigint, OUT avg_diff_ms float8, OUT avg_full_ms float8,
    OUT avg_change_ratio float8, OUT diff_speedup float8, OUT last_refresh_at timestamptz) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_refresh_efficiency';
COMMENT ON FUNCTION pgtrickle.refresh_efficiency()
  IS 'times of differential and full refreshes of each stream table that the caller may read; the first fill counts as a full refresh if there was no other';
