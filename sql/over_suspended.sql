-- A stream table over a suspended one is as late as that, and says so.
SET client_min_messages = warning;
CREATE SCHEMA over_suspended;
SET search_path = over_suspended;
CREATE TABLE t (id int PRIMARY KEY, k int);
INSERT INTO t SELECT i, i % 3 FROM generate_series(1, 9) i;
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, k FROM t', '1s') \g /dev/null
SELECT pgtrickle.create_stream_table('by_k', 'SELECT k, count(*) AS n FROM kept GROUP BY k', '1s') \g /dev/null
SELECT pgtrickle.create_stream_table('all_k', 'SELECT sum(n) AS n FROM by_k', '1s') \g /dev/null
SELECT pgtrickle.create_stream_table('later', 'SELECT count(*) AS n FROM kept', '520w') \g /dev/null
SELECT pgtrickle.alter_stream_table('kept', status => 'SUSPENDED') \g /dev/null
DELETE FROM t WHERE id = 1;
SELECT test.wait_for($$SELECT string_agg(pgt_name, ' ' ORDER BY pgt_name) FROM pgtrickle.st_refresh_stats() WHERE pgt_schema = 'over_suspended' AND is_stale$$, 'all_k by_k kept');
SELECT sum(n) FROM by_k;
SELECT n FROM all_k;
SELECT n FROM later;
SELECT pgtrickle.refresh_stream_table('all_k');
SET pg_trickle.on_stale = error;
SELECT n FROM all_k;
RESET pg_trickle.on_stale;
SELECT pgtrickle.resume_stream_table('kept');
SET client_min_messages = error; -- a read before the refresh warns
SELECT test.wait_for('SELECT n FROM over_suspended.all_k', '8');
SET client_min_messages = warning;
SELECT pgtrickle.refresh_stream_table('all_k');

-- the_reason_for_no_rows_is_one_that_exists
CREATE MATERIALIZED VIEW m AS SELECT id FROM t WITH NO DATA;
SELECT pgtrickle.create_stream_table('over_m', 'SELECT id FROM m', '520w', initialize => false) \g /dev/null
SELECT * FROM over_m;
SELECT pgtrickle.gate_source('t');
SELECT pgtrickle.create_stream_table('gated', 'SELECT id FROM t', '520w', initialize => false) \g /dev/null
SELECT * FROM gated;
BEGIN;
SELECT pgtrickle.ungate_source('t');
SELECT count(*) FROM gated;
ROLLBACK;
SELECT pgtrickle.ungate_source('t');
SELECT count(*) FROM gated;
DROP SCHEMA over_suspended CASCADE;
