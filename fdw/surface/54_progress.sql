-- Progress of operations that take long.

CREATE VIEW pgtrickle.pg_stat_progress_stream_table AS
  SELECT p.pid, p.datid, p.datname, p.relid, n.nspname AS pgt_schema, c.relname AS pgt_name, p.phase, p.part, p.parts,
         p.rows_done, p.rows_expected, p.started_at
  FROM pgtrickle.progress_rows() p
       LEFT JOIN pg_class c ON c.oid = p.relid
       LEFT JOIN pg_namespace n ON n.oid = c.relnamespace;
COMMENT ON VIEW pgtrickle.pg_stat_progress_stream_table
  IS 'progress of fills and full refreshes; rows_expected is the estimate of the planner, or the previous number of rows; NULLs of what the caller may not see';
