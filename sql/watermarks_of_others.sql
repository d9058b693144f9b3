-- A watermark group is shown only to roles that may read all of its tables: others see that some group holds a stream table.
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

SET client_min_messages = warning;
SELECT pgtrickle.drop_watermark_group('wo_merger');
DROP TABLE wo_first, wo_second, wo_third CASCADE;
DROP FUNCTION wo_outputs;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM wo_owner;
REVOKE ALL ON SCHEMA public FROM wo_owner;
DROP ROLE wo_reader, wo_owner;
