-- A refresh by hand, or in the reader's own transaction, refreshes all members of an atomic diamond or none.
SET client_min_messages = warning;
CREATE SCHEMA by_hand;
SET search_path = by_hand;
SET pg_trickle.max_staleness = '1h';
CREATE TABLE base (id int PRIMARY KEY);
CREATE TABLE other (id int PRIMARY KEY);
INSERT INTO base VALUES (1);
SELECT pgtrickle.create_stream_table(name, query, '520w') FROM (VALUES
  ('l', 'SELECT id FROM base'),
  ('r', 'SELECT id FROM base LEFT JOIN other USING (id)'),
  ('d', 'SELECT count(*) AS n FROM l JOIN r USING (id)'),
  ('above_r', 'SELECT count(*) AS n FROM r'),
  ('beside', 'SELECT count(*) AS n FROM base')) AS st (name, query) \g /dev/null
CREATE VIEW shown AS SELECT (SELECT count(*) FROM l) AS l, (SELECT count(*) FROM r) AS r, d.n AS d, a.n AS above_r, b.n AS beside FROM d, above_r a, beside b;
-- its_apex_is_refreshed_as_well
INSERT INTO base VALUES (2);
SELECT pgtrickle.refresh_stream_table('l') \g /dev/null
TABLE shown;
-- so_are_all_members_with_a_dependent_of_one
INSERT INTO base VALUES (3);
SELECT pgtrickle.refresh_stream_table('above_r') \g /dev/null
TABLE shown;

-- the_manager_refreshes_all_members_for_a_read_of_a_dependent
INSERT INTO base VALUES (0);
SET pg_trickle.max_staleness = 0;
SELECT n FROM above_r;
SET pg_trickle.max_staleness = '1h';
TABLE shown;

-- a_suspended_member_blocks_all_members_and_their_dependents
SELECT pgtrickle.alter_stream_table('r', status => 'SUSPENDED') \g /dev/null
INSERT INTO base VALUES (4);
SELECT pgtrickle.refresh_stream_table('l');
SELECT pgtrickle.refresh_stream_table('d');
SELECT pgtrickle.refresh_stream_table('above_r');
-- but_no_other_stream_table
SELECT pgtrickle.refresh_stream_table('beside') \g /dev/null
TABLE shown;
-- a_read_in_a_writing_transaction_reports_it
BEGIN;
INSERT INTO base VALUES (5);
SET LOCAL pg_trickle.max_staleness = 0;
SELECT (SELECT count(*) FROM l) AS l, d.n AS d, b.n AS beside FROM d, beside b;
SELECT count(*) FROM r;
SET LOCAL pg_trickle.on_stale = error;
SELECT count(*) FROM l;
ROLLBACK;
-- in_repeatable_read_too
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO base VALUES (5);
SET LOCAL pg_trickle.max_staleness = 0;
SELECT count(*) FROM l;
ROLLBACK;
-- members_without_rows_are_filled
SELECT pgtrickle.create_stream_table('e', 'SELECT l.id FROM l JOIN r USING (id)', '520w') \g /dev/null
BEGIN;
SELECT pgtrickle.create_stream_table('over_e', 'SELECT count(*) AS n FROM e', '520w', initialize => false) \g /dev/null
SELECT pgtrickle.refresh_stream_table('over_e') \g /dev/null
COMMIT;
SELECT (SELECT count(*) FROM e) AS e, n FROM over_e;
TABLE shown;
-- a_suspended_member_that_is_named_is_refused
SELECT pgtrickle.refresh_stream_table('r');
TABLE shown;
SELECT pgt_name, pgtrickle.resume_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables WHERE status = 'SUSPENDED' AND pgt_schema = 'by_hand';

-- all_members_are_refreshed_with_one_whose_query_is_altered
INSERT INTO base VALUES (-1);
SELECT pgtrickle.alter_stream_table('l', query => 'SELECT id FROM base WHERE true') \g /dev/null
TABLE shown;

-- a_paused_member
SELECT pgtrickle.pause_scheduler(ARRAY['r']) \g /dev/null
INSERT INTO base VALUES (6);
SELECT pgtrickle.refresh_stream_table('l');
SELECT pgtrickle.refresh_stream_table('r') \g /dev/null
TABLE shown;
SELECT pgtrickle.resume_scheduler(ARRAY['r']) \g /dev/null
-- a_gated_member
SELECT pgtrickle.gate_source('other') \g /dev/null
INSERT INTO base VALUES (7);
SELECT pgtrickle.refresh_stream_table('l');
SELECT pgtrickle.refresh_stream_table('beside') \g /dev/null
BEGIN;
INSERT INTO base VALUES (8);
SET LOCAL pg_trickle.max_staleness = 0;
SELECT count(*) FROM l;
ROLLBACK;
TABLE shown;
-- in_repeatable_read_a_member_without_rows_remains_unpopulated
SELECT pgtrickle.create_stream_table('not_filled', 'SELECT l.id FROM l JOIN r USING (id)', '520w') \g /dev/null
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pgtrickle.ungate_source('other') \g /dev/null
INSERT INTO base VALUES (8);
SET LOCAL pg_trickle.max_staleness = 0;
SET LOCAL pg_trickle.on_stale = error;
SELECT count(*), max(id) FROM l;
INSERT INTO base VALUES (9);
SELECT pgtrickle.refresh_stream_table('l') \g /dev/null
SET LOCAL pg_trickle.max_staleness = '1h';
SELECT count(*), max(id) FROM r;
SELECT pgt_name FROM pgtrickle.pgt_stream_tables WHERE NOT is_populated AND pgt_schema = 'by_hand';
-- but_it_is_filled_when_it_is_named
SELECT pgtrickle.refresh_stream_table('not_filled') \g /dev/null
SELECT count(*), max(id) FROM not_filled;
ROLLBACK;
DROP FOREIGN TABLE not_filled;
SELECT pgtrickle.ungate_source('other') \g /dev/null
-- a_frozen_member_for_a_session_that_has_not_read_a_newer_state
\c -
SET client_min_messages = warning;
SET search_path = by_hand;
SET pg_trickle.max_staleness = '1h';
SELECT pgtrickle.alter_stream_table('r', tier => 'frozen') \g /dev/null
SELECT pgtrickle.refresh_stream_table('d');
TABLE shown;
SELECT pgtrickle.alter_stream_table('r', tier => 'hot') \g /dev/null

-- without_atomicity_the_others_are_refreshed
SELECT pgtrickle.alter_stream_table(name, diamond_consistency => 'none') FROM unnest('{d,e}'::text[]) name \g /dev/null
SELECT pgtrickle.alter_stream_table('r', status => 'SUSPENDED') \g /dev/null
SELECT pgtrickle.refresh_stream_table('d') \g /dev/null
TABLE shown;
DROP SCHEMA by_hand CASCADE;
