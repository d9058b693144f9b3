-- The barrier, as far as a single session can test it.
CREATE SCHEMA read_barrier;
SET search_path = read_barrier;
CREATE TABLE sale (id int PRIMARY KEY, region int, qty int);
INSERT INTO sale SELECT i, i % 3, i FROM generate_series(1, 9) i;
CREATE FOREIGN TABLE total (k int, s bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT region, sum(qty) FROM sale GROUP BY region', schedule '520w');
CREATE FOREIGN TABLE grand (s numeric) SERVER pgtrickle OPTIONS (query 'SELECT sum(s) FROM total', schedule '520w');

-- rows_that_are_young_enough_are_served
INSERT INTO sale VALUES (10, 0, 100);
SELECT * FROM total ORDER BY k;
-- a_transaction_sees_its_own_changes_if_nothing_may_be_pending
BEGIN;
INSERT INTO sale VALUES (11, 0, 1000);
SELECT * FROM total ORDER BY k;
SET LOCAL pg_trickle.max_staleness = '0';
SELECT * FROM total ORDER BY k;
SELECT * FROM grand;
DELETE FROM sale WHERE id = 11;
SELECT t.k, t.s, g.s FROM total t, grand g ORDER BY k;
SAVEPOINT a;
UPDATE sale SET qty = 0 WHERE region = 1;
SELECT * FROM total ORDER BY k;
ROLLBACK TO a;
SELECT * FROM total ORDER BY k;
COMMIT;
SELECT * FROM total ORDER BY k;
-- also_in_repeatable_read
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL pg_trickle.max_staleness = '0';
UPDATE sale SET qty = 50 WHERE id = 1;
SELECT * FROM total ORDER BY k;
SELECT data_timestamp <= now() AS is_as_old_as_the_snapshot FROM pgtrickle.pgt_state WHERE relid = 'total'::regclass;
COMMIT;
-- and_from_functions_and_cursors
BEGIN;
SET LOCAL pg_trickle.max_staleness = '0';
UPDATE sale SET qty = 2 WHERE id = 1;
DO $$ BEGIN RAISE NOTICE 'sum %', (SELECT sum(s) FROM read_barrier.total); END $$;
UPDATE sale SET qty = 3 WHERE id = 1;
DECLARE c CURSOR FOR SELECT * FROM total ORDER BY k;
FETCH ALL FROM c;
UPDATE sale SET qty = 4 WHERE id = 1;
CREATE TABLE taken AS SELECT sum(s) FROM total;
SELECT * FROM taken;
UPDATE sale SET qty = 5 WHERE id = 1;
DO $$ BEGIN EXECUTE 'EXPLAIN SELECT * FROM read_barrier.total'; END $$;
SET LOCAL pg_trickle.max_staleness = '-1';
SELECT sum(s) FROM total;
SET LOCAL pg_trickle.max_staleness = '0';
DO $$ BEGIN EXECUTE 'EXPLAIN ANALYZE SELECT * FROM read_barrier.total'; END $$;
SET LOCAL pg_trickle.max_staleness = '-1';
SELECT sum(s) FROM total;
ROLLBACK;
-- a_fixed_snapshot_is_read_as_of_itself
UPDATE sale SET qty = 10 WHERE id = 2;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM sale;
SET LOCAL pg_trickle.max_staleness = '0';
SELECT * FROM total ORDER BY k;
SET LOCAL pg_trickle.on_stale = 'error';
SELECT * FROM total ORDER BY k;
ROLLBACK;
-- a_transaction_that_became_read_only_sees_its_changes
BEGIN;
SET LOCAL pg_trickle.max_staleness = '0';
UPDATE sale SET qty = 11 WHERE id = 2;
SELECT sum(s) FROM total;
SET TRANSACTION READ ONLY;
SELECT sum(s) FROM total;
ROLLBACK;
BEGIN;
SET LOCAL pg_trickle.max_staleness = '0';
UPDATE sale SET qty = 11 WHERE id = 2;
SET TRANSACTION READ ONLY;
SELECT sum(s) FROM total;
SET LOCAL pg_trickle.on_stale = 'error';
SELECT s FROM grand;
ROLLBACK;
-- a_read_without_pending_changes_raises_no_warning
SELECT pgtrickle.refresh_stream_table('total');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL pg_trickle.max_staleness = '0';
SELECT * FROM total ORDER BY k;
COMMIT;
-- the_setting
UPDATE sale SET qty = 20 WHERE id = 2;
SET pg_trickle.enabled = off;
SET pg_trickle.max_staleness = '0';
SELECT * FROM total ORDER BY k;
RESET pg_trickle.enabled;
RESET pg_trickle.max_staleness;
-- unpopulated_is_never_empty
BEGIN;
CREATE FOREIGN TABLE later (k int, s bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT region, sum(qty) FROM sale GROUP BY region', schedule '520w', initialize 'false');
SAVEPOINT a;
SELECT * FROM later;
ROLLBACK TO a;
SET LOCAL pg_trickle.max_staleness = '0';
SELECT * FROM later ORDER BY k;
ROLLBACK;
DROP SCHEMA read_barrier CASCADE;
