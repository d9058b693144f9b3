-- Errors of a stream table are shown completely only to its owner and to pg_monitor, in whichever session its query fails.
SET client_min_messages = warning;
-- However slow the machine is, no failing stream table is suspended meanwhile.
ALTER SYSTEM SET pg_trickle.max_consecutive_errors = 1000;
SELECT pg_reload_conf() \g /dev/null
CREATE ROLE errors_owner;
CREATE ROLE errors_other NOINHERIT;
CREATE ROLE errors_monitor IN ROLE pg_monitor;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO errors_owner, errors_other, errors_monitor;
CREATE SCHEMA errors_owner AUTHORIZATION errors_owner;
CREATE SCHEMA errors_other AUTHORIZATION errors_other;
CREATE SCHEMA errors_monitor AUTHORIZATION errors_monitor;
GRANT USAGE ON SCHEMA errors_owner, errors_other TO PUBLIC;
SET ROLE errors_owner;
CREATE TABLE errors_owner.source (id int PRIMARY KEY, t text);
INSERT INTO errors_owner.source VALUES (1, '12');
CREATE FOREIGN TABLE errors_owner.numbers (id int, n int) SERVER pgtrickle
  OPTIONS (query 'SELECT id, t::int FROM errors_owner.source', schedule '520w');
GRANT SELECT ON errors_owner.numbers TO errors_other, errors_monitor;
-- Roles that have changed a source read the stream table exactly.
GRANT UPDATE ON errors_owner.source TO errors_other, errors_monitor;
SET ROLE errors_other;
CREATE TABLE errors_other.mine (id int PRIMARY KEY);
CREATE FOREIGN TABLE errors_other.own (id int) SERVER pgtrickle OPTIONS (query 'SELECT id FROM errors_other.mine', schedule '520w');
CREATE FOREIGN TABLE errors_other.reading (n int) SERVER pgtrickle
  OPTIONS (query 'SELECT n FROM errors_owner.numbers', schedule '520w');
SET ROLE errors_monitor;
CREATE FOREIGN TABLE errors_monitor.reading (n int) SERVER pgtrickle
  OPTIONS (query 'SELECT n FROM errors_owner.numbers', schedule '520w');
RESET ROLE;
-- Returns all fields of the error that the client gets.
CREATE FUNCTION public.errors_fields(statement text) RETURNS TABLE (field text, value text) LANGUAGE plpgsql AS $$
DECLARE s text; m text; d text; h text; c text; col text; tab text; typ text;
BEGIN
  EXECUTE statement;
  RETURN QUERY VALUES ('result', 'no error');
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT,
    c = PG_EXCEPTION_CONTEXT, col = COLUMN_NAME, tab = TABLE_NAME, typ = PG_DATATYPE_NAME;
  RETURN QUERY SELECT f.field, f.value FROM (VALUES (1, 'sqlstate', s), (2, 'message', m), (3, 'detail', d), (4, 'hint', h),
    (5, 'quotes data', (concat(m, d, h, c, col, tab, typ) ~ 's3cr3t')::text),
    (6, 'quotes a statement of maintenance', (c ~ 'pgt_|::integer')::text)) f (n, field, value)
    WHERE f.value <> '' ORDER BY n;
END $$;
SET ROLE errors_owner;
INSERT INTO errors_owner.source VALUES (2, 's3cr3t');
-- the_owner_sees_it_whole
SELECT * FROM errors_fields($$SELECT pgtrickle.refresh_stream_table('errors_owner.numbers')$$);
-- another_owner_refreshes_it_with_its_own
SET ROLE errors_other;
SELECT * FROM errors_fields($$SELECT pgtrickle.refresh_stream_table('errors_other.reading')$$);
SELECT pgtrickle.refresh_stream_table('errors_other.reading');
-- reads_it_exactly
SET pg_trickle.read_mode = exact;
SELECT * FROM errors_fields($$SELECT sum(n) FROM errors_owner.numbers$$);
SELECT sum(n) FROM errors_owner.numbers;
RESET pg_trickle.read_mode;
-- repairs_its_own
SELECT * FROM errors_fields($$SELECT pgtrickle.repair_stream_table('errors_other.reading')$$);
-- reads_in_a_transaction_that_refreshes
BEGIN;
SET LOCAL pg_trickle.max_staleness = 0;
SELECT pgtrickle.refresh_stream_table('errors_other.own');
SELECT * FROM errors_owner.numbers;
ROLLBACK;
-- creates_one_on_top
CREATE FOREIGN TABLE errors_other.over (n int) SERVER pgtrickle OPTIONS (query 'SELECT n + 1 FROM errors_owner.numbers', schedule '520w');
SELECT * FROM errors_fields($$SELECT pgtrickle.bulk_create('[{"name": "errors_other.above", "query": "SELECT n FROM errors_owner.numbers"}]')$$);
-- a_monitor_sees_it_whole
SET ROLE errors_monitor;
SELECT * FROM errors_fields($$SELECT pgtrickle.refresh_stream_table('errors_monitor.reading')$$);
SET pg_trickle.read_mode = exact;
SELECT * FROM errors_fields($$SELECT sum(n) FROM errors_owner.numbers$$);
RESET pg_trickle.read_mode;
-- a_function_with_the_privileges_of_the_owner
RESET ROLE;
CREATE FUNCTION public.errors_definer() RETURNS void LANGUAGE sql SECURITY DEFINER
  AS $$ SELECT pgtrickle.refresh_stream_table('errors_owner.numbers') $$;
ALTER FUNCTION errors_definer() OWNER TO errors_owner;
SET ROLE errors_other;
SELECT * FROM errors_fields($$SELECT errors_definer()$$);
-- the_history_has_the_whole_error_for_roles_that_may_see_it
SET ROLE errors_owner;
SELECT DISTINCT error_message FROM pgtrickle.get_refresh_history('errors_owner.numbers') WHERE status = 'FAILED';
SELECT count(*) > 1 AS all_are_in FROM pgtrickle.get_refresh_history('errors_owner.numbers') WHERE status = 'FAILED';
SET ROLE errors_other;
SELECT DISTINCT error_message FROM pgtrickle.get_refresh_history('errors_owner.numbers') WHERE status = 'FAILED';
SELECT count(*) FROM pgtrickle.get_refresh_history('errors_other.reading') WHERE status = 'FAILED';
-- the_class_of_an_error_about_values_and_the_whole_of_others
SET ROLE errors_owner;
DELETE FROM errors_owner.source WHERE id > 1;
SELECT pgtrickle.refresh_stream_table('errors_owner.numbers');
CREATE TABLE errors_owner.states (id int PRIMARY KEY, t text);
CREATE FOREIGN TABLE errors_owner.raised (t text) SERVER pgtrickle
  OPTIONS (query 'SELECT CASE t WHEN ''division'' THEN (1 / (id - 1))::text WHEN ''cast'' THEN t::int::text WHEN ''range'' THEN (id + 2147483647)::text ELSE t END FROM errors_owner.states', schedule '520w');
GRANT SELECT ON errors_owner.raised TO errors_other;
GRANT UPDATE, INSERT, SELECT ON errors_owner.states TO errors_other;
SET ROLE errors_other;
CREATE FOREIGN TABLE errors_other.of_raised (t text) SERVER pgtrickle OPTIONS (query 'SELECT t FROM errors_owner.raised', schedule '520w');
INSERT INTO errors_owner.states VALUES (1, '');
SET pg_trickle.read_mode = exact;
SELECT state, (SELECT array_agg(value) FROM errors_fields(format($$
  UPDATE errors_owner.states SET t = %L; SELECT max(t) FROM errors_owner.raised$$, state)))
FROM unnest('{division,cast,range}'::text[]) state;
RESET pg_trickle.read_mode;
SET ROLE errors_owner;
-- the_owner_of_a_source_does_not_see_errors_of_dependents_when_it_is_redefined
CREATE VIEW errors_owner.shown AS SELECT id, t FROM errors_owner.source;
GRANT SELECT ON errors_owner.shown TO errors_other;
SET ROLE errors_other;
CREATE TABLE errors_other.hidden (t text);
INSERT INTO errors_other.hidden VALUES ('s3cr3t');
CREATE FOREIGN TABLE errors_other.of_view (t int) SERVER pgtrickle
  OPTIONS (query 'SELECT h.t::int FROM errors_other.hidden h JOIN errors_owner.shown s ON s.id = 7', schedule '520w');
SET ROLE errors_owner;
SELECT * FROM errors_fields($$CREATE OR REPLACE VIEW errors_owner.shown AS SELECT id + 6 AS id, t FROM errors_owner.source$$);
SET ROLE errors_other;
SELECT * FROM errors_fields($$SELECT pgtrickle.refresh_stream_table('errors_other.of_view')$$);
SELECT error_message FROM pgtrickle.get_refresh_history('errors_other.of_view') WHERE status = 'FAILED';
-- a_cancel_is_a_cancel
SET ROLE errors_owner;
CREATE FOREIGN TABLE errors_owner.slowed (t text) SERVER pgtrickle
  OPTIONS (query 'SELECT t FROM errors_owner.states, generate_series(1, CASE t WHEN ''slow'' THEN 1000000000 ELSE 1 END)', schedule '520w');
GRANT SELECT ON errors_owner.slowed TO errors_other;
SET ROLE errors_other;
UPDATE errors_owner.states SET t = 'slow';
SET pg_trickle.read_mode = exact;
SET statement_timeout = 500;
SELECT max(t) FROM errors_owner.slowed;
RESET statement_timeout;
RESET pg_trickle.read_mode;
RESET ROLE;
DROP SCHEMA errors_monitor, errors_other, errors_owner CASCADE;
DROP FUNCTION errors_definer, errors_fields;
DROP OWNED BY errors_owner, errors_other, errors_monitor;
DROP ROLE errors_owner, errors_other, errors_monitor;
ALTER SYSTEM RESET pg_trickle.max_consecutive_errors;
SELECT pg_reload_conf() \g /dev/null
