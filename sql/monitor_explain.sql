-- EXPLAIN shows why a stream table is not fresh, and EXPLAIN ANALYZE which refreshes the statement waited for.
CREATE TABLE ex_source (id int PRIMARY KEY);
INSERT INTO ex_source VALUES (1);
CREATE FOREIGN TABLE ex_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM ex_source', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE FUNCTION ex_lines(query text, options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE format('EXPLAIN (COSTS OFF, %s) %s', options, query) LOOP
    CONTINUE WHEN line !~ 'Stream Table|Status|Populated|Refresh|Wait';
    RETURN NEXT regexp_replace(line, '\d+\.\d+ ms', '… ms');
  END LOOP;
END $$;

-- no_refresh_was_waited_for
SELECT ex_lines('SELECT * FROM ex_st', 'ANALYZE');
SELECT ex_lines('SELECT * FROM ex_st', 'ANALYZE off');
SELECT ex_lines('SELECT 1', 'ANALYZE');

-- the_manager_refreshed_it
SET pg_trickle.max_staleness = 0;
SET pg_trickle.scan_refresh_timeout = '30s';
INSERT INTO ex_source VALUES (2);
SELECT ex_lines('SELECT * FROM ex_st', 'ANALYZE');
INSERT INTO ex_source VALUES (3);
SELECT ex_lines('SELECT * FROM ex_st', 'ANALYZE, TIMING off, SUMMARY off');

-- the_other_formats_are_complete
CREATE FUNCTION ex_json(query text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
  RETURN plan;
END $$;
SELECT key FROM json_object_keys(ex_json('SELECT * FROM ex_st') -> 0 -> 'Stream Tables' -> 0) key;
INSERT INTO ex_source VALUES (30);
SELECT plan ->> 'Refreshed Before Reading' AS refreshed, (plan ->> 'Refresh Time')::float8 > 0 AS took_time
  FROM (SELECT ex_json('SELECT * FROM ex_st') -> 0 -> 'Stream Tables' -> 0 AS plan) x;

-- this_transaction_refreshed_it
BEGIN;
INSERT INTO ex_source VALUES (4);
SELECT ex_lines('SELECT * FROM ex_st', 'ANALYZE');
ROLLBACK;

-- a_read_by_a_function_is_not_a_wait_of_the_statement
CREATE FUNCTION ex_reads() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM ex_st';
INSERT INTO ex_source VALUES (5);
SELECT ex_lines('SELECT ex_reads() FROM ex_st', 'ANALYZE');
INSERT INTO ex_source VALUES (6);
SELECT ex_lines('SELECT ex_reads()', 'ANALYZE');

-- a_refresh_that_did_not_end_in_time
INSERT INTO ex_source VALUES (61);
BEGIN;
LOCK TABLE ex_source;
PREPARE TRANSACTION 'ex_lock';
SET pg_trickle.scan_refresh_timeout = 0;
SET client_min_messages = error;
SELECT ex_lines('SELECT * FROM ex_st', 'ANALYZE');
RESET client_min_messages;
ROLLBACK PREPARED 'ex_lock';
SET pg_trickle.scan_refresh_timeout = '30s';

-- a_suspended_one_is_reported
SELECT pgtrickle.alter_stream_table('ex_st', status => 'SUSPENDED');
INSERT INTO ex_source VALUES (7);
SET client_min_messages = error;
SELECT ex_lines('SELECT * FROM ex_st', 'ANALYZE');
RESET client_min_messages;
SELECT ex_lines('SELECT * FROM ex_st', 'VERBOSE');
RESET pg_trickle.max_staleness;
DROP TABLE ex_source CASCADE;
DROP FUNCTION ex_lines, ex_reads, ex_json;
