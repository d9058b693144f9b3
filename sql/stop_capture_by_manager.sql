-- What is captured of a source changes without a change of the source: the manager refreshes those that read it, and nobody asks for that.
SET client_min_messages = warning;
SET pg_trickle.max_staleness = '520w';
CREATE SCHEMA stop_by_manager;
SET search_path = stop_by_manager;
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE unrelated (id int PRIMARY KEY);
INSERT INTO t VALUES (1);
SELECT pgtrickle.create_stream_table('stop_by_manager.st', 'SELECT id FROM stop_by_manager.t', 'calculated'),
       pgtrickle.create_stream_table('stop_by_manager.due', 'SELECT id FROM stop_by_manager.st', '1s') \g /dev/null
CREATE FUNCTION is_captured() RETURNS bool LANGUAGE sql
  RETURN (SELECT is_captured FROM pgtrickle.pgt_dependency WHERE relid = 'stop_by_manager.st'::regclass);
CREATE FUNCTION is_logged() RETURNS bool LANGUAGE sql
  RETURN (SELECT is_active FROM pgtrickle.pgt_source WHERE relid = 'stop_by_manager.t'::regclass);
CREATE PROCEDURE wait_until(condition text) LANGUAGE plpgsql AS $$
DECLARE
  give_up_at timestamptz = clock_timestamp() + '30 s';
  is_met bool;
BEGIN
  LOOP
    EXECUTE 'SELECT ' || condition INTO is_met;
    EXIT WHEN is_met;
    IF clock_timestamp() > give_up_at THEN RAISE EXCEPTION 'never: %', condition; END IF;
    COMMIT;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
CALL wait_until('is_captured()');

-- a_row_that_a_dump_brings_is_noticed
COPY pgtrickle.pgt_stopped_capture FROM STDIN;
stop_by_manager.t	2000-01-01	somebody
\.
CALL wait_until('NOT is_captured()');
DELETE FROM pgtrickle.pgt_stopped_capture WHERE relation = 't'::regclass;
CALL wait_until('is_captured() AND is_logged()');

-- a_log_that_is_inactive_has_its_readers_refreshed, when the upkeep of logs meets it
UPDATE pgtrickle.pgt_source SET is_active = false WHERE relid = 't'::regclass;
SELECT pgtrickle.create_stream_table('stop_by_manager.other', 'SELECT id FROM stop_by_manager.unrelated', '520w') \g /dev/null
CALL wait_until('is_logged()');
INSERT INTO t VALUES (2);
CALL wait_until('(SELECT count(*) = 2 FROM st)');
DROP SCHEMA stop_by_manager CASCADE;
