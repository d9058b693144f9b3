-- An atomic diamond contains only stream tables of its apex's owner: no role delays others' stream tables by a definition of its own.
SET client_min_messages = warning;
CREATE ROLE do_sides;
CREATE ROLE do_end;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO do_sides, do_end;
CREATE SCHEMA of_owners;
GRANT ALL ON SCHEMA of_owners TO do_sides, do_end;
SET search_path = of_owners;
SET pg_trickle.max_staleness = '1h';
SET ROLE do_sides;
CREATE TABLE base (id int PRIMARY KEY);
INSERT INTO base VALUES (1);
SELECT pgtrickle.create_stream_table(name, 'SELECT id FROM base', '520w') FROM (VALUES ('l'), ('r')) AS sides (name) \g /dev/null
GRANT SELECT, TRIGGER ON base, l, r TO do_end;
SET ROLE do_end;
SET client_min_messages = notice;
SELECT pgtrickle.create_stream_table('d', 'SELECT count(*) AS n FROM l JOIN r USING (id)', '520w', 'FULL') \g /dev/null
SET client_min_messages = warning;
RESET ROLE;
CREATE VIEW shown AS SELECT (SELECT count(*) FROM l) AS l, (SELECT count(*) FROM r) AS r, d.n AS d FROM d;
-- a_side_is_refreshed_without_the_others
INSERT INTO base VALUES (2);
SELECT pgtrickle.refresh_stream_table('l') \g /dev/null
TABLE shown;
-- a_suspended_apex_stops_no_side
INSERT INTO base VALUES (3);
SELECT pgtrickle.alter_stream_table('d', status => 'SUSPENDED') \g /dev/null
SELECT pgtrickle.refresh_stream_table('l') \g /dev/null
SET pg_trickle.max_staleness = 0;
SELECT count(*) FROM r;
SET pg_trickle.max_staleness = '1h';
SELECT pgtrickle.alter_stream_table('d', status => 'ACTIVE') \g /dev/null
SELECT pgtrickle.refresh_stream_table('d') \g /dev/null
TABLE shown;
-- with_the_same_owner_they_are_an_atomic_set
ALTER FOREIGN TABLE l OWNER TO do_end;
ALTER FOREIGN TABLE r OWNER TO do_end;
INSERT INTO base VALUES (4);
SELECT pgtrickle.refresh_stream_table('l') \g /dev/null
TABLE shown;
-- and_no_longer_when_the_apex_gets_another_owner
ALTER FOREIGN TABLE d OWNER TO do_sides;
INSERT INTO base VALUES (5);
SELECT pgtrickle.refresh_stream_table('l') \g /dev/null
TABLE shown;
-- a_failing_upstream_of_another_owner_stops_only_what_reads_it
ALTER FOREIGN TABLE l OWNER TO do_sides;
REVOKE SELECT ON base FROM do_end;
INSERT INTO base VALUES (6);
SELECT pgtrickle.refresh_stream_table('l') \g /dev/null
TABLE shown;
INSERT INTO base VALUES (7);
SET pg_trickle.max_staleness = 0;
SELECT count(*) FROM l;
SET client_min_messages = error;
DROP SCHEMA of_owners CASCADE;
REVOKE USAGE ON FOREIGN SERVER pgtrickle FROM do_sides, do_end;
DROP ROLE do_sides, do_end;
