-- Statistics of refreshes, counted since the creation of a stream table.
CREATE TABLE ss_source (id int PRIMARY KEY, n int);
INSERT INTO ss_source SELECT i, i FROM generate_series(1, 3) i;
CREATE FOREIGN TABLE ss_kept () SERVER pgtrickle OPTIONS (query 'SELECT id, 6 / n AS q FROM ss_source', schedule '520w', refresh_mode 'DIFFERENTIAL');

-- the first fill is a full refresh
SELECT pgt_schema, pgt_name, refreshes, full_refreshes, rows_inserted, last_action, last_failure
  FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name = 'ss_kept';
INSERT INTO ss_source VALUES (4, 1), (5, 1);
SELECT pgtrickle.refresh_stream_table('ss_kept');
DELETE FROM ss_source WHERE id = 5;
SELECT pgtrickle.refresh_stream_table('ss_kept');
SELECT pgtrickle.refresh_stream_table('ss_kept');
SELECT refreshes, differential_refreshes, full_refreshes, reinitializations, empty_refreshes, failed_refreshes,
       rows_inserted, rows_deleted, delta_rows, last_action
  FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name = 'ss_kept';
SELECT total_refresh_time >= max_refresh_time AS sum_is_more, max_refresh_time >= mean_refresh_time AS max_is_more,
       mean_refresh_time > 0 AS took_time, last_refresh_time > 0 AS last_took_time,
       last_refresh BETWEEN stats_since AND clock_timestamp() AS was_then,
       scale(mean_refresh_time::numeric) <= 3 AND scale(total_refresh_time::numeric) <= 3 AS are_microseconds
  FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name = 'ss_kept';

-- a failure is counted although its transaction rolled back, and a refresh that was rolled back counts as none
INSERT INTO ss_source VALUES (6, 0);
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('ss_kept');
\set VERBOSITY default
SELECT refreshes, failed_refreshes, last_failure > last_refresh AS failed_last FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name = 'ss_kept';
SELECT status, total_refreshes, successful_refreshes, failed_refreshes, total_rows_inserted, total_rows_deleted,
       last_refresh_action, last_refresh_status, staleness_secs > 0 AS is_behind, is_stale
  FROM pgtrickle.st_refresh_stats() WHERE pgt_name = 'ss_kept';
DELETE FROM ss_source WHERE id = 6;
BEGIN;
SELECT pgtrickle.refresh_stream_table('ss_kept');
ROLLBACK;
SELECT refreshes, failed_refreshes FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name = 'ss_kept';

-- the latest refreshes of all stream tables, newest first
SELECT pgt_name, action, status, initiated_by, rows_inserted, rows_deleted, delta_row_count, duration_ms > 0 AS took_time, error_message
  FROM pgtrickle.refresh_timeline() WHERE pgt_name LIKE 'ss\_%';
SELECT count(*) FROM pgtrickle.refresh_timeline(2);
SELECT count(*) FROM pgtrickle.refresh_timeline(0);
SELECT * FROM pgtrickle.refresh_timeline(-1);
-- refreshes of dropped stream tables do not count towards the limit
CREATE FOREIGN TABLE ss_gone () SERVER pgtrickle OPTIONS (query 'SELECT id FROM ss_source');
SELECT pgtrickle.repair_stream_table('ss_gone') \g /dev/null
DROP FOREIGN TABLE ss_gone;
SELECT count(*) FROM pgtrickle.refresh_timeline(2);

SELECT pgt_name, stale, staleness >= interval '0' AS has_age, pgt_relid = pgt_name::regclass AS is_that
  FROM pgtrickle.stream_tables_info WHERE pgt_name = 'ss_kept';

-- a role that may read one stream table sees that one only, and no texts
CREATE ROLE ss_reader;
GRANT SELECT ON ss_kept TO ss_reader;
SET ROLE ss_reader;
SELECT pgt_name, refreshes FROM pgtrickle.pg_stat_stream_tables;
SELECT pgt_name FROM pgtrickle.st_refresh_stats();
SELECT pgt_name FROM pgtrickle.stream_tables_info;
SELECT pgt_name, action, status, error_message FROM pgtrickle.refresh_timeline(3);
RESET ROLE;
DROP TABLE ss_source CASCADE;
DROP ROLE ss_reader;
