-- Pauses and drains stop all refreshes that are not requested by name.
SET client_min_messages = notice;
SET pg_trickle.max_staleness = '1h';
CREATE TABLE ps_items (id int PRIMARY KEY);
INSERT INTO ps_items VALUES (1);
SELECT pgtrickle.create_stream_table('ps_rows', 'SELECT id FROM ps_items', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('ps_count', 'SELECT count(*) AS n FROM ps_rows', '520w') \g /dev/null

-- paused_by_name
SELECT pgtrickle.pause_scheduler(ARRAY['ps_rows', 'ps_rows']) \g /dev/null
SELECT pgt_name, hold, reason, culprit, since IS NOT NULL AS has_since, by_role = current_user AS by_me FROM pgtrickle.holds();
INSERT INTO ps_items VALUES (2);
SELECT clock_timestamp() AS written_at \gset
-- a_dependent_is_refreshed_from_the_present_rows
SELECT pgtrickle.refresh_stream_table('ps_count') \g /dev/null
SELECT (SELECT count(*) FROM ps_rows) AS rows, n FROM ps_count;
-- and_is_as_old_as_these, also when it is created
SELECT pgtrickle.create_stream_table('ps_more', 'SELECT count(*) AS n FROM ps_rows', '520w') \g /dev/null
SELECT data_timestamp <= :'written_at' AS is_older FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'ps_more';
SELECT pgtrickle.drop_stream_table('ps_more') \g /dev/null
-- its_owner_may_refresh_it
SELECT pgtrickle.refresh_stream_table('ps_rows') \g /dev/null
SELECT (SELECT count(*) FROM ps_rows) AS rows, n FROM ps_count;
-- resumed
SELECT pgtrickle.resume_scheduler(ARRAY['ps_rows', 'ps_count']) \g /dev/null
INSERT INTO ps_items VALUES (3);
SELECT pgtrickle.refresh_stream_table('ps_count') \g /dev/null
SELECT (SELECT count(*) FROM ps_rows) AS rows, n FROM ps_count;

-- all_of_the_database: a refresh that its owner requests refreshes the upstream stream tables as well
SELECT pgtrickle.pause_scheduler(ARRAY['ps_count']), pgtrickle.pause_scheduler() \g /dev/null
SELECT pgt_name, hold, reason FROM pgtrickle.holds() ORDER BY pgt_name;
INSERT INTO ps_items VALUES (4);
SELECT pgtrickle.refresh_stream_table('ps_count') \g /dev/null
SELECT (SELECT count(*) FROM ps_rows) AS rows, n FROM ps_count;
-- resuming_by_name_does_not_end_that
SELECT pgtrickle.resume_scheduler(ARRAY['ps_rows']) \g /dev/null
-- a_read_reports_it
SET pg_trickle.max_staleness = 0;
INSERT INTO ps_items VALUES (5);
SELECT count(*) FROM ps_rows;
SET pg_trickle.on_stale = 'error';
SELECT count(*) FROM ps_rows;
RESET pg_trickle.on_stale;
BEGIN;
INSERT INTO ps_items VALUES (6);
SELECT count(*) FROM ps_rows;
ROLLBACK;
-- a_pause_by_name_remains
SELECT pgtrickle.resume_scheduler() \g /dev/null
SELECT pgt_name, hold FROM pgtrickle.holds();
SELECT count(*) FROM ps_rows;
SELECT pgtrickle.resume_scheduler(ARRAY['ps_count']) \g /dev/null
SELECT n FROM ps_count;

-- drained
SELECT pgtrickle.is_drained();
SELECT pgtrickle.drain();
SELECT pgtrickle.is_drained();
SELECT pgt_name, hold, reason, by_role = current_user AS by_me FROM pgtrickle.holds() ORDER BY pgt_name;
INSERT INTO ps_items VALUES (7);
SELECT count(*) FROM ps_rows;
SELECT pgtrickle.drain(0);
SELECT pgtrickle.resume_scheduler() \g /dev/null
SELECT pgtrickle.is_drained();
SELECT count(*) FROM ps_rows;
-- rolled_back
BEGIN;
SELECT pgtrickle.drain(5);
SELECT pgtrickle.is_drained();
ROLLBACK;
SELECT pgtrickle.is_drained();

-- bad_input
SELECT pgtrickle.pause_scheduler(ARRAY['ps_items']);
SELECT pgtrickle.pause_scheduler(ARRAY['ps_rows', NULL]);
SELECT pgtrickle.drain(-1);
SELECT pgtrickle.drain(NULL);
SELECT count(*) FROM pgtrickle.holds();
-- an_empty_list_is_not_all
SELECT pgtrickle.pause_scheduler('{}') \g /dev/null
SELECT count(*) FROM pgtrickle.holds();
-- privileges: a superuser, or a role with EXECUTE
CREATE ROLE ps_operator;
SET ROLE ps_operator;
SELECT pgtrickle.pause_scheduler();
SELECT pgtrickle.resume_scheduler();
SELECT pgtrickle.drain();
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgtrickle.pause_scheduler, pgtrickle.resume_scheduler TO ps_operator;
SET ROLE ps_operator;
SELECT pgtrickle.pause_scheduler(ARRAY['ps_rows']) \g /dev/null
SELECT count(*) FROM pgtrickle.holds();
RESET ROLE;
SELECT pgt_name, hold, by_role FROM pgtrickle.holds();
REVOKE EXECUTE ON FUNCTION pgtrickle.pause_scheduler, pgtrickle.resume_scheduler FROM ps_operator;
DROP ROLE ps_operator;
-- dropped_with_its_stream_table
SELECT pgtrickle.drop_stream_table('ps_rows', true) \g /dev/null
SELECT count(*) FROM pgtrickle.pgt_hold;
DROP TABLE ps_items;
