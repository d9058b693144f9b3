-- The capture of a source changes without a change of its rows: the manager refreshes the stream tables that read it, without a request.
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

-- a_row_restored_from_a_dump_is_noticed
COPY pgtrickle.pgt_stopped_capture FROM STDIN;
stop_by_manager.t	2000-01-01	somebody
\.
CALL wait_until('NOT is_captured()');
DELETE FROM pgtrickle.pgt_stopped_capture WHERE relation = 't'::regclass;
CALL wait_until('is_captured() AND is_logged()');

-- an_inactive_log_causes_a_refresh, when the maintenance of logs finds it
UPDATE pgtrickle.pgt_source SET is_active = false WHERE relid = 't'::regclass;
SELECT pgtrickle.create_stream_table('stop_by_manager.other', 'SELECT id FROM stop_by_manager.unrelated', '520w') \g /dev/null
CALL wait_until('is_logged()');
INSERT INTO t VALUES (2);
CALL wait_until('(SELECT count(*) = 2 FROM st)');
DROP SCHEMA stop_by_manager CASCADE;
