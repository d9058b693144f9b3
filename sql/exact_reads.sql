-- Reads that compute what a refresh has not applied: their plans, their settings, their rights.
SET client_min_messages = warning;
CREATE SCHEMA exact_reads;
SET search_path = exact_reads;
CREATE TABLE cust (id int PRIMARY KEY, region text);
CREATE TABLE ord (id int PRIMARY KEY, cust int, v int, secret bool DEFAULT false);
INSERT INTO cust SELECT i, 'r' || i % 3 FROM generate_series(1, 200) i;
INSERT INTO ord SELECT i, 1 + i % 200, i % 50 FROM generate_series(1, 5000) i;
CREATE INDEX ON ord (cust);
ANALYZE cust, ord;
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, cust, v FROM ord WHERE NOT secret', '520w');
SELECT pgtrickle.create_stream_table('joined', 'SELECT o.id, c.region FROM ord o JOIN cust c ON c.id = o.cust', '520w');
SELECT pgtrickle.create_stream_table('by_cust', 'SELECT cust, sum(v) AS total FROM ord GROUP BY cust', '520w');
SELECT pgtrickle.create_stream_table('by_region', 'SELECT c.region, o.v % 2 AS odd, sum(o.v) AS total, max(o.v) AS most FROM ord o JOIN cust c ON c.id = o.cust GROUP BY 1, 2', '520w');
SELECT pgtrickle.create_stream_table('whole', 'SELECT count(*) AS n FROM ord', '520w');
SELECT pgtrickle.create_stream_table('either', 'SELECT id FROM ord WHERE md5(md5(secret::text)) <> md5(md5(true::text)) UNION ALL SELECT id FROM cust WHERE id > 9', '520w');
SELECT pgtrickle.create_stream_table('above', 'SELECT max(total) AS most FROM by_cust', '520w');
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql SET pg_trickle.enable_expansion = on AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
    EXIT WHEN line ~ '^ *Stream Table:';
    CONTINUE WHEN line ~ '^ *Index Searches:';
    RETURN NEXT regexp_replace(regexp_replace(line, '\mst_\d+', 'st_N', 'g'), '(rows=\d+)\.00', '\1');
  END LOOP;
END $$;

-- without_pending_changes_the_storage_is_read
SET pg_trickle.read_mode = exact;
SELECT count(*) FROM plan('SELECT * FROM kept WHERE id = 7') line WHERE line ~ 'Exact Read';
-- only_what_is_touched_is_computed
UPDATE ord SET v = v + 100 WHERE id IN (7, 8);
SELECT plan('SELECT * FROM kept WHERE id = 7');
SELECT * FROM kept WHERE id IN (6, 7) ORDER BY id;
SELECT plan('SELECT * FROM by_cust WHERE cust = 8');
SELECT * FROM by_cust WHERE cust IN (8, 10) ORDER BY cust;
-- a_change_of_a_parent_touches_the_rows_that_it_joins
UPDATE cust SET region = 'moved' WHERE id = 9;
SELECT region, count(*), min(id) FROM joined GROUP BY region ORDER BY region;
SELECT plan('SELECT count(*) FROM joined');
-- and_so_does_a_pair_of_which_both_are_gone
DELETE FROM ord WHERE id = 9;
DELETE FROM cust WHERE id = 10;
SELECT count(*) = (SELECT count(*) FROM ord o JOIN cust c ON c.id = o.cust) AS is_exact FROM joined;
-- groups_are_merged_with_what_is_pending
SELECT plan('SELECT * FROM by_region WHERE odd = 0');
SELECT * FROM by_region EXCEPT ALL SELECT c.region, o.v % 2 AS odd, sum(o.v) AS total, max(o.v) AS most FROM ord o JOIN cust c ON c.id = o.cust GROUP BY 1, 2;
SELECT plan('SELECT * FROM whole');
SELECT * FROM whole;
-- unless_a_row_that_never_was_in_the_result_fails
CREATE TABLE rate (id int PRIMARY KEY, of int);
CREATE TABLE part (rate int, k int);
INSERT INTO rate VALUES (1, 5), (2, 0); INSERT INTO part VALUES (1, 1);
SELECT pgtrickle.create_stream_table('rated', 'SELECT p.k, sum(10 / r.of) AS n FROM part p JOIN rate r ON r.id = p.rate GROUP BY p.k', '520w');
WITH changed AS (UPDATE rate SET of = 10 WHERE id = 2) INSERT INTO part VALUES (2, 1);
SELECT plan('SELECT * FROM rated');
SELECT * FROM rated;
-- a_query_without_such_a_column_is_run
SELECT plan('SELECT count(*) FROM either');
-- on_the_exact_rows_of_its_upstreams
SELECT most = (SELECT max(total) FROM by_cust) AS is_exact, most FROM above;
-- the_schedule_does_not_let_the_session_go_back_but_another_one_gets_stored_rows
SET pg_trickle.read_mode = refresh;
\c -
SET client_min_messages = warning;
SET search_path = exact_reads;
SELECT * FROM whole;
SET pg_trickle.read_mode = exact;
SELECT * FROM whole;
SET pg_trickle.read_mode = refresh;
SELECT * FROM whole;
INSERT INTO ord VALUES (5001, 1, 1);
-- stream_tables_and_tables_of_a_statement_show_one_state
SET pg_trickle.consistent_reads = on;
SELECT n = (SELECT count(*) FROM ord) AS is_exact FROM whole;
-- and_stream_tables_alone_show_the_state_of_a_refresh
\c -
SET client_min_messages = warning;
SET search_path = exact_reads;
SET pg_trickle.consistent_reads = on;
SELECT * FROM whole;
SELECT pgtrickle.refresh_stream_table('by_cust');
SELECT n = (SELECT count(*) FROM ord) AS is_exact FROM whole, by_cust LIMIT 1;
RESET pg_trickle.consistent_reads;

-- a_cursor_moves_backward
SET pg_trickle.read_mode = exact;
BEGIN;
UPDATE ord SET v = 0 WHERE id = 1;
DECLARE c SCROLL CURSOR FOR SELECT * FROM kept WHERE id < 4 ORDER BY id;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH LAST FROM c;
ROLLBACK;
-- and_its_rows_cannot_change_before_the_first_fetch
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) FROM kept;
TRUNCATE ord;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT most FROM above;
ALTER TABLE ord ADD COLUMN more int DEFAULT random();
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT n = 5000 AS is_of_the_declaration FROM whole;
DELETE FROM ord;
SELECT pgtrickle.refresh_stream_table('whole');
FETCH c;
ROLLBACK;
-- functions_that_the_planner_evaluates_are_read_exactly_on_their_own
CREATE FUNCTION all_rows() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
  $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT n FROM whole' INTO n; RETURN n; END $$;
SELECT all_rows() = (SELECT count(*) FROM ord) AS is_exact FROM kept LIMIT 1;
-- the_memory_of_a_plan_is_that_of_one_execution
CREATE FUNCTION v_of(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT v FROM kept WHERE id = $1';
SELECT count(v_of(i)), max(CASE WHEN i = 500 THEN (SELECT sum(used_bytes) FROM pg_backend_memory_contexts) END) < 2e7
  AS is_limited FROM generate_series(1, 500) i;
-- conditions_of_a_cached_plan
PREPARE one(int) AS SELECT id, v FROM kept WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE one(7);
UPDATE ord SET v = 5 WHERE id = 7;
EXECUTE one(7);
SELECT pgtrickle.refresh_stream_table('kept');
EXECUTE one(7);
SELECT count(*) FROM plan('EXECUTE one(7)') line WHERE line ~ 'Exact Read';
RESET plan_cache_mode;
-- rows_that_are_not_stored_have_no_place
UPDATE ord SET v = 6 WHERE id = 7;
SELECT tableoid::regclass, ctid, k.id, k FROM kept k WHERE id = 7;

-- the_reader_needs_no_right_on_the_sources_and_gets_none
CREATE ROLE exact_reader NOINHERIT;
GRANT USAGE, CREATE ON SCHEMA exact_reads TO exact_reader;
GRANT SELECT ON kept, either TO exact_reader;
GRANT SELECT (cust) ON by_cust TO exact_reader;
UPDATE ord SET secret = true WHERE id = 3;
SET ROLE exact_reader;
SELECT count(*) FROM kept;
SELECT count(*) FROM ord;
SELECT count(cust) FROM by_cust;
SELECT max(total) FROM by_cust;
-- functions_of_the_reader_run_as_the_reader_and_see_only_the_rows
CREATE FUNCTION tells(anyelement) RETURNS bool LANGUAGE plpgsql COST 0.0001 IMMUTABLE AS
  $$ BEGIN IF $1::text = '3' OR current_user <> 'exact_reader' THEN RAISE 'told % as %', $1, current_user; END IF; RETURN true; END $$;
SELECT count(*) FROM kept WHERE tells(id);
SELECT count(*) FROM kept WHERE 1 / (id - 3) < 2;
SELECT count(*) FROM either WHERE 1 / (id - 3) < 2;
SELECT count(*) FROM kept WHERE current_user = 'exact_reader';
CREATE DOMAIN checked AS int CHECK (tells(VALUE));
SELECT count(*) FROM kept WHERE id::checked > 5;
CREATE TYPE wrapped AS (one checked);
SELECT count(*) FROM kept WHERE ROW(id)::wrapped = ROW(6)::wrapped;
-- and_conditions_see_no_stored_row_that_is_gone
RESET ROLE;
UPDATE ord SET secret = true WHERE id BETWEEN 3 AND 11;
SET ROLE exact_reader;
SELECT count(*) FROM kept WHERE 1 / (id - 4) < 2;
-- the_plan_of_the_query_is_not_shown_to_the_reader
SELECT exact_reads.plan('SELECT count(*) FROM kept');
RESET ROLE;
-- the_query_runs_with_the_rights_and_settings_of_the_owner
CREATE ROLE exact_owner; -- no other role reads exactly what runs functions in PL/pgSQL
GRANT USAGE ON FOREIGN SERVER pgtrickle TO exact_owner;
GRANT USAGE, CREATE ON SCHEMA exact_reads TO exact_owner;
GRANT SELECT ON ord TO exact_owner;
CREATE FUNCTION who() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN current_user || ' ' || current_setting('search_path'); END $$;
ALTER FOREIGN TABLE whole OWNER TO exact_owner;
SET ROLE exact_owner;
SELECT pgtrickle.create_stream_table('asks', 'SELECT id, who() AS who FROM ord WHERE id < 3', '520w', 'FULL');
RESET ROLE;
UPDATE ord SET v = 9 WHERE id = 1;
SET ROLE exact_owner;
SET pg_trickle.read_mode = exact;
SELECT * FROM asks WHERE id = 1;
RESET ROLE;
-- and_cannot_change_stream_tables
CREATE TABLE switch AS SELECT false AS is_on;
GRANT SELECT ON switch TO exact_owner;
CREATE FUNCTION meddle() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN IF (SELECT is_on FROM exact_reads.switch) THEN PERFORM pgtrickle.drop_stream_table('exact_reads.asks'); END IF; RETURN 1; END $$;
SET ROLE exact_owner;
SELECT pgtrickle.create_stream_table('meddles', 'SELECT id, meddle() AS m FROM ord WHERE id < 3', '520w', 'FULL');
RESET ROLE;
UPDATE switch SET is_on = true; UPDATE ord SET v = 10 WHERE id = 1;
SET pg_trickle.read_mode = exact;
\set SHOW_CONTEXT never
SET ROLE exact_owner;
SELECT * FROM meddles;
SELECT count(*) FROM asks;
RESET ROLE;
-- and_fails_once_the_owner_may_not_read_a_source
REVOKE SELECT ON ord FROM exact_owner;
SELECT * FROM whole;
RESET pg_trickle.read_mode;
SELECT * FROM whole;
DROP SCHEMA exact_reads CASCADE;
DROP OWNED BY exact_owner, exact_reader;
DROP ROLE exact_owner, exact_reader;
