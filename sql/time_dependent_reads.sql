-- A stream table whose answer changes without a captured change is as old as its last refresh; a read that does not accept that age causes a refresh.
SET client_min_messages = warning;
CREATE SCHEMA time_dependent_reads;
SET search_path = time_dependent_reads;
CREATE TABLE limits (name text PRIMARY KEY, value int);
INSERT INTO limits VALUES ('rows', 2);
CREATE FUNCTION most() RETURNS int STABLE LANGUAGE sql SET search_path = time_dependent_reads AS $$ SELECT value FROM limits WHERE name = 'rows' $$;
CREATE PROCEDURE set_most(new int) LANGUAGE sql AS $$ UPDATE time_dependent_reads.limits SET value = new WHERE name = 'rows' $$;
CREATE TABLE source (id int PRIMARY KEY);
INSERT INTO source SELECT generate_series(1, 10);
SELECT pgtrickle.create_stream_table('fresh', 'SELECT id FROM source WHERE id <= most()', '0s');
SELECT pgtrickle.create_stream_table('seldom', 'SELECT id FROM source WHERE id <= most()', '3650d');
SELECT pgtrickle.create_stream_table('on_change', 'SELECT id FROM source WHERE id <= most()');
SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) AS n FROM on_change', '0s');
SELECT pgtrickle.create_stream_table('quiet', 'SELECT count(*) AS n FROM source', '0s');
-- always_fresh
SELECT count(*) FROM fresh;
CALL set_most(3);
SELECT count(*) FROM fresh;
CALL set_most(4);
SELECT count(*) FROM fresh;
-- always_fresh_over_a_time_dependent_one
SELECT n FROM counted;
CALL set_most(5);
SELECT n FROM counted;
-- not_before_it_is_due
SELECT count(*) FROM seldom;
-- a_session_that_accepts_no_stale_rows
SET pg_trickle.max_staleness = 0;
SELECT count(*) FROM seldom;
SELECT count(*) FROM on_change;
CALL set_most(6);
SELECT (SELECT count(*) FROM seldom) AS seldom, (SELECT count(*) FROM on_change) AS on_change, n FROM counted;
-- a_session_that_accepts_an_age
SET pg_trickle.max_staleness = '1h';
CALL set_most(7);
SELECT count(*) FROM seldom;
SELECT test.wait_for($$SELECT pgtrickle.get_staleness('seldom') >= 1.01$$, 'true') \g /dev/null
SET pg_trickle.max_staleness = '1s';
SELECT count(*) FROM seldom;
RESET pg_trickle.max_staleness;
-- a_dependent_is_as_old_as_its_upstream_was
SELECT pgtrickle.create_stream_table('of_seldom', 'SELECT count(*) AS n FROM seldom', '3650d');
CALL set_most(8);
SELECT clock_timestamp() AS changed_at \gset
SELECT pgtrickle.refresh_stream_table('seldom');
SELECT clock_timestamp() - make_interval(secs => pgtrickle.get_staleness('of_seldom')) <= :'changed_at' AS is_counted_from_the_change;
SELECT pgtrickle.drop_stream_table('of_seldom');
CALL set_most(7);
-- in_a_transaction_of_its_own
BEGIN;
CALL set_most(8);
SELECT pgtrickle.refresh_stream_table('fresh');
SELECT count(*) FROM fresh;
CALL set_most(9);
SELECT count(*) FROM fresh;
ROLLBACK;
SELECT count(*) FROM fresh;
-- under_a_fixed_snapshot
CALL set_most(10);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM fresh;
SELECT count(*) FROM fresh; -- is of the same time
COMMIT;
CALL set_most(11);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1;
SELECT count(*) FROM fresh;
SELECT count(*) FROM fresh;
SELECT n FROM quiet;
COMMIT;
SELECT count(*) FROM fresh;
-- waiting_for_it
CALL set_most(1);
SELECT pgtrickle.wait_until_fresh('seldom');
SELECT count(*) FROM seldom;
-- ages
SELECT pgt_name, pgtrickle.get_staleness(pgt_name) > 0 AS ages FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'time_dependent_reads' ORDER BY 1;
-- a_foreign_table
CREATE EXTENSION postgres_fdw SCHEMA time_dependent_reads;
DO $$ BEGIN EXECUTE format('CREATE SERVER time_dependent_reads_here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L)',
  current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port')); END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER time_dependent_reads_here;
CREATE FOREIGN TABLE near (name text, value int) SERVER time_dependent_reads_here OPTIONS (schema_name 'time_dependent_reads', table_name 'limits');
SELECT pgtrickle.create_stream_table('fetched', 'SELECT name, value FROM near', '0s', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sum_of_fetched', 'SELECT sum(value) AS s FROM fetched', '0s', 'DIFFERENTIAL');
CALL set_most(20);
SELECT * FROM fetched;
CALL set_most(30);
SELECT s FROM sum_of_fetched;
-- notices_at_creation
SET client_min_messages = notice;
SELECT pgtrickle.create_stream_table('told', 'SELECT count(*) AS n FROM near');
SELECT pgtrickle.create_stream_table('told_of_nothing', 'SELECT count(*) AS n FROM near', '0s');
SET client_min_messages = warning;
DROP SCHEMA time_dependent_reads CASCADE;
