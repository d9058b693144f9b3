-- The owner of a table sees its capture, and can stop it; until capture is allowed again, its stream tables use full refreshes.
SET client_min_messages = warning;
CREATE SCHEMA stop_capture;
SET search_path = stop_capture;
CREATE ROLE stop_capture_owner; CREATE ROLE stop_capture_a; CREATE ROLE stop_capture_b;
GRANT ALL ON SCHEMA stop_capture TO stop_capture_owner, stop_capture_a, stop_capture_b;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO stop_capture_a, stop_capture_b;
SET ROLE stop_capture_owner;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT i, i FROM generate_series(1, 3) i;
GRANT SELECT, TRIGGER ON t TO stop_capture_a, stop_capture_b;
CREATE VIEW inventory AS
  SELECT table_name, count(*) AS triggers, bool_and(is_enabled) AS are_enabled, min(stream_tables::text) AS stream_tables, min(owners::text) AS owners
  FROM pgtrickle.trigger_inventory() WHERE table_schema = 'stop_capture' GROUP BY 1;
GRANT SELECT ON inventory TO stop_capture_a, stop_capture_b;
-- Counts the capture triggers, even if parts of a log remain.
CREATE FUNCTION triggers(relation regclass) RETURNS bigint LANGUAGE sql
  RETURN (SELECT count(*) FROM pg_trigger WHERE tgrelid = relation AND tgname LIKE 'pg_trickle%');
CREATE FUNCTION mode(name text) RETURNS text LANGUAGE sql
  RETURN (SELECT effective_mode || coalesce(': ' || downgrade_reason, '') FROM pgtrickle.explain_refresh_mode(name));
CREATE FUNCTION last_action(name text) RETURNS text LANGUAGE sql
  RETURN (SELECT concat_ws(': ', action, reason) FROM pgtrickle.pgt_refresh_history WHERE pgt_id = name::regclass
    ORDER BY refresh_id DESC LIMIT 1);
-- Waits until the manager has removed unused triggers.
CREATE PROCEDURE until_no_trigger(relation regclass) LANGUAGE plpgsql AS $$
DECLARE
  give_up_at timestamptz = clock_timestamp() + '30 s';
BEGIN
  WHILE triggers(relation) > 0 LOOP
    IF clock_timestamp() > give_up_at THEN
      RAISE EXCEPTION '% still has triggers', relation;
    END IF;
    COMMIT;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
SET ROLE stop_capture_a;
SELECT pgtrickle.create_stream_table('stop_capture.sum_a', 'SELECT sum(v) AS v FROM stop_capture.t', '520w') \g /dev/null
SET ROLE stop_capture_b;
SELECT pgtrickle.create_stream_table('stop_capture.max_b', 'SELECT max(v) AS v FROM stop_capture.t', '520w', 'DIFFERENTIAL') \g /dev/null
-- the_owner_of_the_table_sees_all, others the stream tables that they may read
SET ROLE stop_capture_owner;
TABLE inventory;
SELECT has_table_privilege('stop_capture.sum_a', 'SELECT');
SET ROLE stop_capture_a;
SELECT table_name, stream_tables, owners FROM (SELECT DISTINCT table_name, stream_tables, owners
  FROM pgtrickle.trigger_inventory() WHERE table_schema = 'stop_capture') i;
-- only_the_owner_ends_it
SELECT pgtrickle.stop_capture('t');
SELECT pgtrickle.allow_capture('t');
SET ROLE stop_capture_owner;
SET client_min_messages = notice;
SELECT pgtrickle.stop_capture('t');
SELECT pgtrickle.stop_capture('t');
SET client_min_messages = warning;
CALL until_no_trigger('t');
TABLE inventory;
SELECT source_name, stopped_by FROM pgtrickle.stopped_captures();
-- stream_tables_continue_by_full_refreshes, whatever their mode, and create no trigger
UPDATE t SET v = v + 10;
SET ROLE stop_capture_a;
SELECT mode('sum_a');
SELECT pgtrickle.refresh_stream_table('sum_a');
TABLE sum_a; SELECT last_action('sum_a');
SET pg_trickle.max_staleness = '0';
SET ROLE stop_capture_b;
TABLE max_b;
SET ROLE stop_capture_owner;
UPDATE t SET v = v + 10;
SET ROLE stop_capture_b;
TABLE max_b;
SET client_min_messages = notice;
SELECT pgtrickle.create_stream_table('stop_capture.again', 'SELECT min(v) AS v FROM stop_capture.t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('stop_capture.again', 'SELECT min(v) AS v FROM stop_capture.t', '520w');
SET client_min_messages = warning;
SELECT pgtrickle.repair_stream_table('max_b') \g /dev/null
-- nor_for_a_superuser
RESET ROLE;
SELECT pgtrickle.create_stream_table('stop_capture.of_superuser', 'SELECT count(*) AS n FROM stop_capture.t', '520w', 'DIFFERENTIAL');
SELECT triggers('t');
-- allowed_again: the next refreshes begin to capture it
SET ROLE stop_capture_owner;
SELECT pgtrickle.allow_capture('t');
SET client_min_messages = notice;
SELECT pgtrickle.allow_capture('t');
SET client_min_messages = warning;
SET ROLE stop_capture_a;
SELECT pgtrickle.refresh_stream_table('sum_a');
SET ROLE stop_capture_owner;
UPDATE t SET v = v + 10;
SET ROLE stop_capture_a;
SELECT pgtrickle.refresh_stream_table('sum_a');
TABLE sum_a; SELECT last_action('sum_a'), mode('sum_a');
-- stopped_and_allowed_between_two_refreshes: changes that were not captured are not lost
SET ROLE stop_capture_owner;
SELECT pgtrickle.stop_capture('t');
UPDATE t SET v = v + 10;
SELECT pgtrickle.allow_capture('t');
UPDATE t SET v = v + 10;
SET ROLE stop_capture_a;
SELECT pgtrickle.refresh_stream_table('sum_a');
TABLE sum_a; SELECT last_action('sum_a');
SET ROLE stop_capture_b;
SELECT pgtrickle.refresh_stream_table('max_b'), pgtrickle.refresh_stream_table('again') \g /dev/null
SELECT (SELECT v FROM max_b) AS max, (SELECT v FROM again) AS min;
-- rolled_back
SET ROLE stop_capture_owner;
BEGIN;
SELECT pgtrickle.stop_capture('t');
UPDATE t SET v = v + 10;
ROLLBACK;
UPDATE t SET v = v + 1;
SET ROLE stop_capture_b;
SELECT pgtrickle.refresh_stream_table('max_b');
TABLE max_b; SELECT last_action('max_b');
-- as_restored_from_a_dump
RESET ROLE;
COPY pgtrickle.pgt_stopped_capture FROM STDIN;
stop_capture.t	2000-01-01	somebody
\.
UPDATE t SET v = v + 1;
SELECT pgtrickle.refresh_stream_table('max_b');
TABLE max_b; SELECT is_captured FROM pgtrickle.list_sources('max_b');
-- a_partition: it is captured for its root
RESET ROLE;
CREATE TABLE root (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF root FOR VALUES FROM (0) TO (10);
ALTER TABLE part OWNER TO stop_capture_owner;
SELECT pgtrickle.create_stream_table('stop_capture.of_root', 'SELECT sum(v) AS v FROM stop_capture.root', '520w') \g /dev/null
SET ROLE stop_capture_owner;
SELECT pgtrickle.stop_capture('root');
SELECT pgtrickle.stop_capture('part');
INSERT INTO part VALUES (1, 1);
RESET ROLE;
TABLE of_root; SELECT mode('of_root');
-- a_relation_without_triggers
SELECT pgtrickle.stop_capture('sum_a');
-- a_dropped_table_is_forgotten
DROP SCHEMA stop_capture CASCADE;
SELECT count(*) FROM pgtrickle.pgt_stopped_capture;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM stop_capture_a, stop_capture_b;
DROP ROLE stop_capture_owner, stop_capture_a, stop_capture_b;
