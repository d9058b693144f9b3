-- Properties of stream tables, and the roles that see them.
CREATE TABLE in_source (id int PRIMARY KEY, n int);
CREATE TABLE in_keyless (n int);
INSERT INTO in_source VALUES (1, 10), (2, 0);
CREATE VIEW in_view AS SELECT n FROM in_source;
CREATE FOREIGN TABLE in_st () SERVER pgtrickle
  OPTIONS (query 'SELECT count(*) AS c, sum(n) AS s FROM in_view', schedule '520w', refresh_mode 'DIFFERENTIAL',
           diamond_consistency 'none', diamond_schedule_policy 'slowest');
CREATE FOREIGN TABLE in_second () SERVER pgtrickle
  OPTIONS (query 'SELECT s FROM in_st CROSS JOIN in_keyless', schedule '*/5 * * * *', initialize 'false');
SELECT pgt_name, pgt_schema, schedule, refresh_mode, diamond_consistency, diamond_schedule_policy,
       has_keyless_source, needs_reinit, consecutive_errors, last_error_message
  FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name;
SELECT status, is_populated, data_timestamp IS NULL AS no_time, frontier IS NULL AS no_frontier
  FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'in_st';
SELECT pgt_id::oid::regclass AS st, source_relid::regclass AS source, source_type, columns_used
  FROM pgtrickle.pgt_dependencies ORDER BY 1, 2;

DROP FOREIGN TABLE in_second;

-- nothing pending: no staleness, and its data are as of now
SELECT pgtrickle.refresh_stream_table('in_st');
SELECT pgtrickle.get_staleness('in_st') AS staleness, now() - pgtrickle.data_timestamp('in_st') < '1 minute' AS is_recent;
SELECT name, status, staleness, scc_id FROM pgtrickle.pgt_status() WHERE name = 'public.in_st';
INSERT INTO in_source VALUES (3, 5);
SELECT pgtrickle.get_staleness('in_st') > 0 AS is_stale;
SELECT pgtrickle.refresh_stream_table('in_st');
SELECT action, status, rows_inserted, rows_deleted, error_message, duration_ms > 0 AS took_time
  FROM pgtrickle.get_refresh_history('in_st', 2);
SELECT action, initiated_by FROM pgtrickle.pgt_refresh_history WHERE pgt_id = 'in_st'::regclass::oid::bigint
  ORDER BY refresh_id;

-- a failed refresh leaves the previous rows, and its error is shown
CREATE FOREIGN TABLE in_fails () SERVER pgtrickle OPTIONS (query 'SELECT id, 100 / n AS q FROM in_source WHERE id > 2', schedule '520w');
SELECT * FROM in_fails;
UPDATE in_source SET n = 0 WHERE id = 3;
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('in_fails');
\set VERBOSITY default
SELECT * FROM in_fails;
SELECT last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'in_fails';
SELECT status, error_message FROM pgtrickle.get_refresh_history('in_fails', 1);

-- privileges
CREATE ROLE in_reader;
GRANT SELECT ON in_fails TO in_reader;
SET ROLE in_reader;
SELECT pgt_name, defining_query, original_query, last_error_message FROM pgtrickle.pgt_stream_tables;
SELECT name, status FROM pgtrickle.pgt_status();
SELECT status, error_message FROM pgtrickle.get_refresh_history('in_fails', 1);
SELECT pgtrickle.get_staleness('in_st');
SELECT pgtrickle.refresh_stream_table('in_fails');
SELECT pgtrickle.drop_stream_table('in_fails');
RESET ROLE;

-- the first fill is full, which does not determine the mode of later refreshes
CREATE FOREIGN TABLE in_auto () SERVER pgtrickle OPTIONS (query 'SELECT id FROM in_source', schedule '520w');
CREATE FOREIGN TABLE in_full () SERVER pgtrickle OPTIONS (query 'SELECT id, current_date AS today FROM in_source', schedule '520w');
SELECT pgt_name, refresh_mode, effective_refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name IN ('in_auto', 'in_full') ORDER BY 1;

SELECT pgtrickle.parse_duration_seconds(d) FROM unnest('{90,30s,5m,1h30m,2d,0s}'::text[]) d;
SELECT pgtrickle.parse_duration_seconds('soon');
SELECT pgtrickle.get_staleness('nosuch');
DROP TABLE in_source, in_keyless CASCADE;
DROP ROLE in_reader;
