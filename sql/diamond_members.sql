-- The members of an atomic diamond are refreshed together or not at all; other stream tables are refreshed as usual.
SET client_min_messages = warning;
CREATE SCHEMA diamond_members;
SET search_path = diamond_members;
SET pg_trickle.max_staleness = '3650d';
CREATE TABLE base (id int PRIMARY KEY);
INSERT INTO base VALUES (1);
SELECT pgtrickle.create_stream_table(name, query, refresh_mode => 'DIFFERENTIAL') FROM (VALUES
  ('l', 'SELECT id, 10 / (id - 3) AS x FROM base'),
  ('r', 'SELECT id FROM base'),
  ('d', 'SELECT count(*) AS n FROM l JOIN r USING (id)'),
  ('above_r', 'SELECT count(*) AS n FROM r'),
  ('beside', 'SELECT count(*) AS n FROM base')) AS st (name, query) \g /dev/null
CREATE VIEW shown AS SELECT (SELECT count(*) FROM l) AS l, (SELECT count(*) FROM r) AS r, d.n AS d, a.n AS above_r FROM d, above_r a;
INSERT INTO base VALUES (2);
SELECT test.wait_for('SELECT n::text FROM d', '2');
TABLE shown;
-- one_that_fails
INSERT INTO base VALUES (3);
SELECT test.wait_for('SELECT n::text FROM beside', '3');
SELECT test.wait_for($$SELECT DISTINCT pgt_name FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE pgt_schema = 'diamond_members' AND pgt_refresh_history.status = 'FAILED'$$, 'l');
TABLE shown;
-- has_recovered
DELETE FROM base WHERE id = 3;
INSERT INTO base VALUES (4), (5);
SELECT pgtrickle.alter_stream_table('l', status => 'ACTIVE');
SELECT test.wait_for('SELECT n::text FROM above_r', '4');
TABLE shown;
-- one_that_is_suspended
SELECT pgtrickle.alter_stream_table('r', status => 'SUSPENDED');
INSERT INTO base VALUES (6);
SELECT test.wait_for('SELECT n::text FROM beside', '5');
TABLE shown;
SET pg_trickle.max_staleness = 0;
SELECT count(*) FROM l;
SET pg_trickle.max_staleness = '3650d';
SELECT pgtrickle.alter_stream_table('r', status => 'ACTIVE');
SELECT test.wait_for('SELECT n::text FROM above_r', '5');
TABLE shown;
-- without_atomicity
SELECT pgtrickle.alter_stream_table('d', diamond_consistency => 'none');
SELECT pgtrickle.alter_stream_table('r', status => 'SUSPENDED');
INSERT INTO base VALUES (7);
SELECT test.wait_for('SELECT count(*)::text FROM l', '6');
TABLE shown;
DROP SCHEMA diamond_members CASCADE;
