-- The reason for which a stream table is held is shown wherever its state is shown.
CREATE TABLE sh_source (id int PRIMARY KEY);
CREATE FOREIGN TABLE sh_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM sh_source', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE sh_above () SERVER pgtrickle OPTIONS (query 'SELECT id FROM sh_st', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE ROLE sh_reader;
GRANT SELECT ON sh_st, sh_above TO sh_reader;
CREATE VIEW sh_all AS
  SELECT 'pgt_status' AS source, s.name, s.status, NULL AS hold FROM pgtrickle.pgt_status() s
  UNION ALL SELECT 'stream_tables_info', pgt_name, status, hold FROM pgtrickle.stream_tables_info
  UNION ALL SELECT 'dependency_tree', tree_line, status, NULL FROM pgtrickle.dependency_tree() WHERE node_type = 'stream_table'
  UNION ALL SELECT 'explain_dag', substring(line from '"(.*)<br/>'), substring(line from ':::(.*)'), NULL
            FROM regexp_split_to_table(pgtrickle.explain_dag(), '\n') line WHERE line ~ 'ACTIVE|HELD'
  UNION ALL SELECT 'quick_health', active_tables::text, held_tables::text, health FROM pgtrickle.quick_health
  UNION ALL SELECT check_name, severity, detail, NULL FROM pgtrickle.health_check() WHERE check_name IN ('held', 'stale');
GRANT SELECT ON sh_all TO sh_reader;
ALTER VIEW sh_all SET (security_invoker = true);
-- the manager is started by the first commit of a stream table
DO $$
BEGIN
  FOR i IN 1..300 LOOP
    EXIT WHEN (SELECT manager_running FROM pgtrickle.quick_health);
    PERFORM pg_sleep(0.1);
  END LOOP;
END $$;
SET ROLE sh_reader;
SELECT * FROM sh_all ORDER BY source, name COLLATE "C";
RESET ROLE;

SELECT pgtrickle.pause_scheduler(ARRAY['sh_st']);
SET ROLE sh_reader;
SELECT * FROM sh_all ORDER BY source, name COLLATE "C";
RESET ROLE;
CREATE FUNCTION sh_lines(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    CONTINUE WHEN line !~ 'Stream Table|Status|Held';
    RETURN NEXT line;
  END LOOP;
END $$;
SELECT sh_lines('SELECT * FROM sh_st, sh_above');
SELECT pgtrickle.resume_scheduler(ARRAY['sh_st']);
SELECT sh_lines('SELECT * FROM sh_st');
SELECT pgtrickle.gate_source('sh_source');
-- each reason once
SELECT detail FROM pgtrickle.health_check() WHERE check_name = 'held';
SELECT name, status FROM pgtrickle.pgt_status() WHERE name ~ 'sh_';
SELECT pgtrickle.ungate_source('sh_source');
SELECT name, status FROM pgtrickle.pgt_status() WHERE name ~ 'sh_';
-- a_hold_since_infinity_is_shown_as_such
INSERT INTO pgtrickle.pgt_hold (kind, relation, since, by_role) VALUES ('gate', 'sh_source', 'infinity', 'a role')
  ON CONFLICT (kind, relation, group_name) DO UPDATE SET since = 'infinity', by_role = 'a role', ended_at = NULL;
SELECT pgt_name, hold, culprit, since, by_role FROM pgtrickle.holds() WHERE pgt_name ~ 'sh_' ORDER BY pgt_name COLLATE "C";
DELETE FROM pgtrickle.pgt_hold WHERE relation = 'sh_source'::regclass;
-- one_that_has_not_been_filled_is_held_like_others
SET client_min_messages = warning;
SELECT pgtrickle.gate_source('sh_source') \g /dev/null
SELECT pgtrickle.create_stream_table('sh_unfilled', 'SELECT id FROM sh_source', '520w', initialize => false) \g /dev/null
GRANT SELECT ON sh_unfilled TO sh_reader;
SET ROLE sh_reader;
SELECT status, held_tables, health FROM pgtrickle.quick_health;
RESET ROLE;
SELECT pgtrickle.ungate_source('sh_source') \g /dev/null
DROP TABLE sh_source CASCADE;
DROP VIEW sh_all;
DROP FUNCTION sh_lines;
DROP ROLE sh_reader;
