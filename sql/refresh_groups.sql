-- Refresh groups: unrelated stream tables are refreshed in one transaction, under one snapshot.
SET client_min_messages = notice;
SET pg_trickle.max_staleness = '1h';
CREATE TABLE rg_a (id int PRIMARY KEY);
CREATE TABLE rg_b (id int PRIMARY KEY);
CREATE TABLE rg_c (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table('rg_of_' || name, format('SELECT count(*) AS n FROM rg_%s', name), '520w')
  FROM unnest(ARRAY['a', 'b', 'c']) name \g /dev/null
SELECT pgtrickle.create_refresh_group('rg_together', ARRAY['rg_of_b', 'rg_of_a', 'public.rg_of_a']) \g /dev/null
SELECT group_name, members, isolation, created_at IS NOT NULL AS has_time FROM pgtrickle.refresh_groups();
CREATE VIEW rg_counts AS SELECT (SELECT n FROM rg_of_a) AS a, (SELECT n FROM rg_of_b) AS b, (SELECT n FROM rg_of_c) AS c;
CREATE VIEW rg_frontiers AS
  SELECT count(DISTINCT frontier->>'snapshot') AS frontiers FROM pgtrickle.pgt_stream_tables WHERE pgt_name IN ('rg_of_a', 'rg_of_b');

-- one_is_requested: both are refreshed, to one frontier, and no other stream table
INSERT INTO rg_a VALUES (1);
INSERT INTO rg_b VALUES (1), (2);
INSERT INTO rg_c VALUES (1);
SELECT pgtrickle.refresh_stream_table('rg_of_a') \g /dev/null
TABLE rg_counts;
TABLE rg_frontiers;
-- a_dependent_of_one_refreshes_both
SELECT pgtrickle.create_stream_table('rg_reader', 'SELECT n FROM rg_of_a', '520w') \g /dev/null
INSERT INTO rg_a VALUES (10);
INSERT INTO rg_b VALUES (10);
SELECT pgtrickle.refresh_stream_table('rg_reader') \g /dev/null
TABLE rg_counts;
TABLE rg_frontiers;
SELECT pgtrickle.drop_stream_table('rg_reader') \g /dev/null
DELETE FROM rg_a WHERE id = 10;
DELETE FROM rg_b WHERE id = 10;
SELECT pgtrickle.refresh_stream_table('rg_of_a') \g /dev/null
-- all_or_nothing
BEGIN;
INSERT INTO rg_a VALUES (2);
SELECT pgtrickle.refresh_stream_table('rg_of_b') \g /dev/null
TABLE rg_counts;
ROLLBACK;
TABLE rg_counts;
-- a_suspended_member_is_skipped
SELECT pgtrickle.alter_stream_table('rg_of_b', status => 'SUSPENDED') \g /dev/null
INSERT INTO rg_a VALUES (2);
INSERT INTO rg_b VALUES (3);
SELECT pgtrickle.refresh_stream_table('rg_of_a') \g /dev/null
TABLE rg_counts;
SELECT pgtrickle.resume_stream_table('rg_of_b') \g /dev/null
-- and_so_is_one_whose_source_is_gated
SELECT pgtrickle.gate_source('rg_b') \g /dev/null
INSERT INTO rg_a VALUES (3);
SELECT pgtrickle.refresh_stream_table('rg_of_a') \g /dev/null
TABLE rg_counts;
SELECT pgtrickle.ungate_source('rg_b') \g /dev/null
SELECT pgtrickle.refresh_stream_table('rg_of_a') \g /dev/null
TABLE rg_counts;

-- bad_input
SELECT pgtrickle.create_refresh_group('rg_together', ARRAY['rg_of_c', 'rg_of_a']);
SELECT pgtrickle.create_refresh_group('rg_more', ARRAY['rg_of_c', 'rg_of_a']);
SELECT pgtrickle.create_refresh_group('rg_more', ARRAY['rg_of_c']);
SELECT pgtrickle.create_refresh_group('rg_more', ARRAY['rg_of_c', 'rg_c']);
SELECT pgtrickle.create_refresh_group('rg_more', ARRAY['rg_of_c', 'rg_of_b'], 'serializable');
SELECT pgtrickle.drop_refresh_group('rg_more');
-- privileges: the owner of all members
CREATE ROLE rg_stranger;
SET ROLE rg_stranger;
SELECT pgtrickle.create_refresh_group('rg_more', ARRAY['rg_of_c', 'rg_of_b']);
SELECT pgtrickle.drop_refresh_group('rg_together');
SELECT count(*) FROM pgtrickle.refresh_groups();
RESET ROLE;
DROP ROLE rg_stranger;
-- dropped: a member, and the group
SELECT pgtrickle.create_stream_table('rg_extra', 'SELECT id FROM rg_c', '520w') \g /dev/null
SELECT pgtrickle.create_refresh_group('rg_more', ARRAY['rg_of_c', 'rg_extra'], 'READ_COMMITTED') \g /dev/null
SELECT pgtrickle.drop_stream_table('rg_extra') \g /dev/null
SELECT group_name, members, isolation FROM pgtrickle.refresh_groups() ORDER BY 1;
SELECT pgtrickle.drop_refresh_group(name) FROM unnest(ARRAY['rg_more', 'rg_together']) name \g /dev/null
INSERT INTO rg_a VALUES (4);
INSERT INTO rg_b VALUES (4);
SELECT pgtrickle.refresh_stream_table('rg_of_a') \g /dev/null
TABLE rg_counts;
DROP VIEW rg_counts, rg_frontiers;
SELECT pgtrickle.drop_stream_table('rg_of_' || name) FROM unnest(ARRAY['a', 'b', 'c']) name \g /dev/null
DROP TABLE rg_a, rg_b, rg_c;
