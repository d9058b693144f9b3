-- A stream table that the reading transaction refreshes itself, while an upstream of it is left out of the refresh.
SET client_min_messages = warning;
CREATE SCHEMA upstreams_left_out;
SET search_path = upstreams_left_out;
CREATE TABLE t (id int PRIMARY KEY, k int);
CREATE TABLE u (id int PRIMARY KEY);
INSERT INTO t SELECT i, i % 3 FROM generate_series(1, 9) i;
INSERT INTO u VALUES (1), (2);
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, k FROM t', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('by_k', 'SELECT k, count(*) AS n FROM kept GROUP BY k', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('joined', 'SELECT kept.id FROM kept JOIN u USING (id)', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('apart', 'SELECT id FROM u', '520w') \g /dev/null
SET pg_trickle.max_staleness = 0;

-- a_frozen_upstream_without_changes_is_as_good_as_refreshed
SELECT pgtrickle.alter_stream_table('kept', tier => 'frozen') \g /dev/null
SET pg_trickle.on_stale = error;
BEGIN;
DELETE FROM u WHERE id = 1;
SELECT * FROM joined;
ROLLBACK;

-- one_that_lacks_changes_of_the_transaction_is_reported
BEGIN;
DELETE FROM t WHERE id = 3;
SELECT * FROM by_k ORDER BY k;
ROLLBACK;
SET pg_trickle.on_stale = serve;
BEGIN;
DELETE FROM t WHERE id = 3;
SELECT * FROM by_k WHERE k = 0;
SELECT * FROM by_k WHERE k = 0;
ROLLBACK;
SET pg_trickle.on_stale = error;

-- likewise_one_that_lacks_changes_of_others
DELETE FROM t WHERE id = 1;
BEGIN;
DELETE FROM u WHERE id = 2;
SELECT * FROM joined;
ROLLBACK;

-- likewise_beside_another_that_the_transaction_has_refreshed
BEGIN;
DELETE FROM u WHERE id = 2;
SELECT * FROM apart;
SELECT * FROM by_k ORDER BY k;
ROLLBACK;

-- likewise_below_a_suspended_upstream
SELECT pgtrickle.alter_stream_table('kept', tier => 'hot') \g /dev/null
SELECT count(*) FROM kept;
SELECT pgtrickle.alter_stream_table('kept', status => 'SUSPENDED') \g /dev/null
BEGIN;
DELETE FROM t WHERE id = 3;
SELECT * FROM by_k ORDER BY k;
ROLLBACK;

-- stored_rows_that_may_be_stale_are_served
SET pg_trickle.max_staleness = '1d';
BEGIN;
DELETE FROM t WHERE id = 3;
SELECT * FROM by_k ORDER BY k;
ROLLBACK;
RESET pg_trickle.max_staleness;
DROP SCHEMA upstreams_left_out CASCADE;
