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
SET pg_trickle.max_staleness = 0;

-- the_first_statement_of_repeatable_read_is_exact_and_so_are_later_ones
CREATE VIEW lag AS SELECT (SELECT n FROM total) - (SELECT count(*) FROM item) AS lag;
INSERT INTO item VALUES (3, 3);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM lag;
SELECT * FROM lag;
-- with_own_changes
INSERT INTO item VALUES (4, 4);
SELECT * FROM lag;
SAVEPOINT a;
DELETE FROM item WHERE id < 3;
SELECT * FROM lag;
ROLLBACK TO a;
SELECT * FROM lag;
COMMIT;
-- a_cursor_and_a_prepared_statement_count
INSERT INTO item VALUES (5, 5);
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
DECLARE c CURSOR FOR SELECT * FROM lag;
FETCH ALL FROM c;
COMMIT;
PREPARE q AS SELECT * FROM lag;
INSERT INTO item VALUES (6, 6);
BEGIN ISOLATION LEVEL REPEATABLE READ;
EXECUTE q;
COMMIT;
INSERT INTO item VALUES (7, 7);
BEGIN ISOLATION LEVEL REPEATABLE READ;
COPY (SELECT * FROM lag) TO STDOUT;
COMMIT;

-- a_snapshot_that_was_used_is_not_renewed_and_the_answer_is_exact
\set VERBOSITY default
RESET pg_trickle.on_stale;
INSERT INTO item VALUES (8, 8);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM item;
SELECT * FROM lag;
COMMIT;
INSERT INTO item VALUES (9, 9);
BEGIN ISOLATION LEVEL REPEATABLE READ;
COPY item TO STDOUT;
SELECT * FROM lag;
COMMIT;
INSERT INTO item VALUES (10, 10);
BEGIN ISOLATION LEVEL REPEATABLE READ;
DO $$ BEGIN PERFORM lag FROM read_fixed_snapshot.lag; END $$;
SELECT * FROM lag;
COMMIT;
-- also_in_serializable
INSERT INTO item VALUES (11, 11);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM lag;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
LOCK TABLE total IN ACCESS SHARE MODE;
SELECT * FROM lag;
COMMIT;

-- a_stable_function_is_exact
CREATE FUNCTION stable() RETURNS bigint LANGUAGE plpgsql STABLE AS
  'BEGIN RETURN (SELECT lag FROM read_fixed_snapshot.lag); END';
CREATE FUNCTION through_another() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN read_fixed_snapshot.stable(); END';
INSERT INTO item VALUES (12, 12);
SELECT stable();
SET pg_trickle.on_stale = error;
INSERT INTO item VALUES (13, 13);
SELECT stable() FROM item WHERE id = 13;
BEGIN;
INSERT INTO item VALUES (14, 14);
SELECT stable();
COMMIT;
-- beside_a_stream_table_that_the_statement_reads_itself
BEGIN;
DELETE FROM item WHERE id = 14;
SELECT stable(), d.s = 2 * sum(v) AS is_exact FROM item, doubled d GROUP BY d.s;
COMMIT;
INSERT INTO item VALUES (15, 15);
SELECT through_another();
SELECT through_another();
INSERT INTO item VALUES (16, 16);
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT through_another();
COMMIT;

-- so_is_a_volatile_function_in_repeatable_read_and_both_reads_agree
CREATE FUNCTION volatile() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT lag FROM read_fixed_snapshot.lag); END';
INSERT INTO item VALUES (20, 20);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT volatile();
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT volatile();
COMMIT;

-- postgres_fdw_reads_in_repeatable_read
CREATE EXTENSION postgres_fdw;
DO $$ BEGIN EXECUTE format('CREATE SERVER read_fixed_snapshot_here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L,
  options ''-c pg_trickle.max_staleness=0 -c pg_trickle.on_stale=error'')',
  current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port')); END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER read_fixed_snapshot_here;
CREATE FOREIGN TABLE far (lag bigint) SERVER read_fixed_snapshot_here OPTIONS (schema_name 'read_fixed_snapshot', table_name 'lag');
INSERT INTO item VALUES (17, 17);
SELECT * FROM far;
INSERT INTO item VALUES (18, 18);
SELECT * FROM far;

-- a_schedule_of_0s_is_enough
RESET pg_trickle.max_staleness;
ALTER FOREIGN TABLE total OPTIONS (SET schedule '0s');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM lag;
INSERT INTO item VALUES (19, 19);
SELECT * FROM lag;
COMMIT;
DROP EXTENSION postgres_fdw CASCADE;
DROP SCHEMA read_fixed_snapshot CASCADE;
