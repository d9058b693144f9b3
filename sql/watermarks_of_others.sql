-- A watermark group is shown only to roles that may read all of its tables: others see that some group holds a stream table.
-- only the test refreshes
SELECT pgtrickle.pause_scheduler() \g /dev/null
CREATE ROLE wo_reader;
CREATE ROLE wo_owner;
CREATE TABLE wo_first (id int PRIMARY KEY);
CREATE TABLE wo_second (id int PRIMARY KEY);
CREATE TABLE wo_third (id int PRIMARY KEY);
GRANT SELECT, TRIGGER ON wo_first, wo_second TO wo_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO wo_owner;
GRANT CREATE ON SCHEMA public TO wo_owner;
SET ROLE wo_owner;
SELECT pgtrickle.create_stream_table('wo_joined', 'SELECT id FROM wo_first JOIN wo_second USING (id)', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('wo_above', 'SELECT count(*) AS n FROM wo_joined', '520w') \g /dev/null
GRANT SELECT ON wo_joined, wo_above TO wo_reader;
RESET ROLE;
SELECT pgtrickle.create_watermark_group('wo_merger', ARRAY['wo_first', 'wo_second', 'wo_third']) \g /dev/null
INSERT INTO wo_first VALUES (1);

CREATE FUNCTION wo_outputs() RETURNS TABLE (output text, line text) LANGUAGE plpgsql SET pg_trickle.on_stale = 'error' SET pg_trickle.max_staleness = 0 AS $$
DECLARE message text; detail text; hint text;
BEGIN
  RETURN QUERY SELECT 'holds', concat_ws(' | ', pgt_name, hold, reason, culprit, by_role) FROM pgtrickle.holds() WHERE pgt_name ~ '^wo_';
  RETURN QUERY SELECT 'stream_tables_info', concat_ws(' | ', pgt_name, status, hold) FROM pgtrickle.stream_tables_info WHERE pgt_name ~ '^wo_';
  RETURN QUERY SELECT 'health_check', h.detail FROM pgtrickle.health_check() h WHERE check_name = 'held';
  RETURN QUERY SELECT 'explain_dag', d FROM regexp_split_to_table(pgtrickle.explain_dag(), '\n') d WHERE d ~ 'atermark|wo_third|wo_merger';
  RETURN QUERY SELECT 'watermark_groups', group_name FROM pgtrickle.watermark_groups() WHERE group_name ~ '^wo_';
  RETURN QUERY SELECT 'watermark_status', group_name FROM pgtrickle.watermark_status() WHERE group_name ~ '^wo_';
  output := 'EXPLAIN';
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT * FROM wo_above' LOOP
    CONTINUE WHEN line !~ 'Held|wo_third|wo_merger';
    line := trim(line);
    RETURN NEXT;
  END LOOP;
  FOREACH output IN ARRAY ARRAY['SELECT FROM wo_joined', 'SELECT pgtrickle.refresh_stream_table(''wo_joined'')', 'SELECT pgtrickle.repair_stream_table(''wo_joined'')'] LOOP
    BEGIN
      EXECUTE output INTO line;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      line := concat_ws(' | ', message, detail, hint);
    END;
    RETURN NEXT;
  END LOOP;
END $$;

SET ROLE wo_reader;
SELECT * FROM wo_outputs() ORDER BY output, line COLLATE "C";
SET ROLE wo_owner;
SELECT * FROM wo_outputs() ORDER BY output, line COLLATE "C";
SELECT pgtrickle.create_stream_table('wo_new', 'SELECT id FROM wo_first JOIN wo_second USING (id)', '520w');
RESET ROLE;
-- a role that may read the third table, too
GRANT SELECT ON wo_third TO wo_owner;
SET ROLE wo_owner;
SELECT output, line FROM wo_outputs() WHERE output !~ 'repair' ORDER BY output, line COLLATE "C";
RESET ROLE;

REVOKE SELECT ON wo_third FROM wo_owner;
SELECT pgtrickle.advance_watermark(source, '2030-01-01') FROM unnest(ARRAY['wo_first', 'wo_second', 'wo_third']) source \g /dev/null
SET ROLE wo_owner;
SELECT pgtrickle.refresh_stream_table('wo_joined') \g /dev/null
SELECT pgtrickle.refresh_stream_table('wo_joined') \g /dev/null
RESET ROLE;

-- groups_and_gates_of_others_are_not_read: a role without USAGE on the server may make any number on tables of its own
CREATE ROLE wo_stranger;
GRANT CREATE ON SCHEMA public TO wo_stranger;
SELECT pgtrickle.drop_watermark_group('wo_merger');
SELECT pgtrickle.create_watermark_group('wo_pair', ARRAY['wo_first', 'wo_second']) \g /dev/null
SET ROLE wo_stranger;
DO $$
BEGIN
  CREATE TABLE wo_mine (a int);
  FOR i IN 1..300 LOOP
    EXECUTE format('CREATE TABLE wo_mine_%s () INHERITS (wo_mine)', i);
    PERFORM pgtrickle.create_watermark_group('wo_g' || i, ARRAY['wo_mine_' || i]), pgtrickle.gate_source('wo_mine_' || i), pgtrickle.advance_watermark('wo_mine_' || i, '2030-01-01');
  END LOOP;
END $$;
RESET ROLE;
CREATE FUNCTION wo_rows_read() RETURNS bigint LANGUAGE sql
  RETURN (SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE schemaname = 'pgtrickle' AND relname ~ 'hold|watermark');
SET pg_trickle.max_staleness = 0;
BEGIN;
SELECT wo_rows_read() AS before \gset
SELECT pgtrickle.refresh_stream_table('wo_joined') \g /dev/null
SELECT wo_rows_read() - :before BETWEEN 1 AND 60 AS refresh_reads_few;
COMMIT;
INSERT INTO wo_second VALUES (1);
BEGIN;
SELECT wo_rows_read() AS before \gset
SELECT count(*) FROM wo_joined;
SELECT wo_rows_read() - :before < 100 AS read_reads_few;
COMMIT;
-- the_group_still_holds, and the_next_advance_refreshes
SELECT pgt_name, reason FROM pgtrickle.holds() WHERE pgt_name = 'wo_joined';
SELECT pgtrickle.advance_watermark(source, '2030-01-02') FROM unnest(ARRAY['wo_first', 'wo_second']) source \g /dev/null
SELECT pgtrickle.refresh_stream_table('wo_joined') \g /dev/null
SELECT count(*) FROM wo_joined;
SELECT pgtrickle.gate_source('wo_second');
SELECT pgtrickle.refresh_stream_table('wo_joined');
SELECT pgtrickle.ungate_source('wo_second');
SET client_min_messages = warning;
-- a_group_goes_with_its_last_source
DROP TABLE wo_mine CASCADE;
SELECT group_name FROM pgtrickle.watermark_groups() WHERE group_name ~ '^wo_';
RESET pg_trickle.max_staleness;
DROP FUNCTION wo_rows_read;
REVOKE ALL ON SCHEMA public FROM wo_stranger;
DROP ROLE wo_stranger;
DROP TABLE wo_first, wo_second, wo_third CASCADE;
DROP FUNCTION wo_outputs;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM wo_owner;
REVOKE ALL ON SCHEMA public FROM wo_owner;
DROP ROLE wo_reader, wo_owner;
SELECT pgtrickle.resume_scheduler() \g /dev/null
