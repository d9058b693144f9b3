-- Reads under a snapshot that is fixed, as far as a single session can test them.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA read_fixed_snapshot;
SET search_path = read_fixed_snapshot;
CREATE TABLE item (id int PRIMARY KEY, v int);
INSERT INTO item VALUES (1, 1);
CREATE FOREIGN TABLE total (n bigint, s bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT count(*), sum(v) FROM item', schedule '520w');
CREATE FOREIGN TABLE doubled (s bigint) SERVER pgtrickle OPTIONS (query 'SELECT 2 * s FROM total', schedule '520w');
CREATE PROCEDURE wait_until_older(than interval) LANGUAGE plpgsql AS $$
BEGIN
  WHILE clock_timestamp() <= (SELECT max(data_timestamp) FROM pgtrickle.pgt_state
                              WHERE relid IN ('total'::regclass, 'doubled'::regclass)) + than LOOP
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$;

-- a_change_is_missing_since_its_commit_and_not_since_the_last_refresh
CALL wait_until_older('2s');
INSERT INTO item VALUES (2, 2);
SET pg_trickle.max_staleness = '2s';
SET pg_trickle.on_stale = error;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM item;
SELECT n, d.s FROM total, doubled d;
COMMIT;
DROP SCHEMA read_fixed_snapshot CASCADE;
