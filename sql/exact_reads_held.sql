-- Stream tables that a session has read exactly, held since, beside others of their sets.
SET client_min_messages = warning;
CREATE SCHEMA exact_reads_held;
SET search_path = exact_reads_held;
CREATE TABLE t (k int, v int);
INSERT INTO t VALUES (1, 1), (2, 2);
SELECT pgtrickle.create_stream_table('low', 'SELECT k, min(v) AS v FROM t GROUP BY k', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('high', 'SELECT k, max(v) AS v FROM t GROUP BY k', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('spread', 'SELECT k, low.v AS low, high.v AS high FROM low JOIN high USING (k)', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('apart', 'SELECT k, count(*) AS n FROM t GROUP BY k', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('one', 'SELECT sum(v) AS v FROM t', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('two', 'SELECT sum(v) AS v FROM t', '520w') \g /dev/null
SELECT pgtrickle.create_refresh_group('pair', ARRAY['one', 'two']) \g /dev/null
SELECT pgtrickle.pause_scheduler() \g /dev/null
UPDATE t SET v = v + 10;
SET pg_trickle.read_mode = exact;
SELECT * FROM high ORDER BY k;
SELECT * FROM two;
RESET pg_trickle.read_mode;

-- a_diamond_of_which_one_was_read_is_of_one_state
SET pg_trickle.max_staleness = 0;
SELECT spread.*, low.v AS l, high.v AS h FROM spread JOIN low USING (k) JOIN high USING (k) ORDER BY k;
-- likewise_a_refresh_group
SELECT one.v, two.v FROM one, two;
-- others_keep_their_rows
SELECT * FROM apart ORDER BY k;
SELECT * FROM spread ORDER BY k;
SELECT high.v, apart.n FROM high JOIN apart USING (k) ORDER BY k;
SELECT pgtrickle.resume_scheduler() \g /dev/null
SELECT * FROM spread ORDER BY k;
SELECT pgtrickle.drop_refresh_group('pair') \g /dev/null
DROP SCHEMA exact_reads_held CASCADE;
