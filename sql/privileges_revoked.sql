-- A refresh reads what the owner of the stream table may read at that time, and views as the roles that they read as at that time.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE ROLE privileges_revoked_owner;
CREATE ROLE privileges_revoked_reader;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO privileges_revoked_reader;
CREATE SCHEMA privileges_revoked AUTHORIZATION privileges_revoked_owner;
CREATE SCHEMA privileges_revoked_2 AUTHORIZATION privileges_revoked_reader;
GRANT USAGE ON SCHEMA privileges_revoked TO privileges_revoked_reader;
SET search_path = privileges_revoked_2, privileges_revoked;
SET ROLE privileges_revoked_owner;
CREATE TABLE privileges_revoked.item (id int PRIMARY KEY, v int, note text);
INSERT INTO item VALUES (1, 1, 'a'), (2, 2, 'b');
CREATE VIEW privileges_revoked.seen AS SELECT id, v FROM item;
CREATE VIEW privileges_revoked.through AS SELECT id FROM seen;
GRANT SELECT ON seen, through TO privileges_revoked_reader;
GRANT SELECT (note), TRIGGER ON item TO privileges_revoked_reader;
SET ROLE privileges_revoked_reader;
SELECT pgtrickle.create_stream_table('by_view', 'SELECT id, v FROM seen', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('by_views', 'SELECT id FROM through', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('by_view_in_full', 'SELECT id, v FROM seen', '520w', 'FULL') \g /dev/null
-- a_privilege_on_any_column_suffices_to_count_rows
SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) AS n FROM item', '520w', 'DIFFERENTIAL') \g /dev/null
TABLE counted;
RESET ROLE;
INSERT INTO item VALUES (3, 3, 'c');
SELECT pgtrickle.refresh_stream_table(name) FROM unnest(ARRAY['by_view', 'by_views', 'by_view_in_full', 'counted']) name \g /dev/null
SELECT (SELECT count(*) FROM by_view) AS by_view, (SELECT count(*) FROM by_views) AS by_views, (SELECT count(*) FROM by_view_in_full) AS in_full, n AS counted FROM counted;

-- revoked
SET ROLE privileges_revoked_owner;
REVOKE SELECT ON seen FROM privileges_revoked_reader;
REVOKE SELECT (note) ON item FROM privileges_revoked_reader;
INSERT INTO item VALUES (4, 4, 'd');
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('by_view');
SELECT pgtrickle.refresh_stream_table('by_view_in_full');
SELECT pgtrickle.refresh_stream_table('counted');
-- the_role_that_the_outer_view_reads_as_has_not_changed
SELECT pgtrickle.refresh_stream_table('by_views') \g /dev/null
SELECT count(*) FROM by_views;
-- granted_again: of the columns that are read
SET ROLE privileges_revoked_owner;
GRANT SELECT (id, v) ON seen TO privileges_revoked_reader;
GRANT SELECT (id) ON item TO privileges_revoked_reader;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest(ARRAY['by_view', 'by_view_in_full', 'counted']) name \g /dev/null
SELECT (SELECT count(*) FROM by_view) AS by_view, (SELECT count(*) FROM by_view_in_full) AS in_full, n AS counted FROM counted;
SET ROLE privileges_revoked_owner;
REVOKE SELECT (v) ON seen FROM privileges_revoked_reader;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('by_view');
-- the_role_that_a_view_reads_as: its owner has changed, and with it the policies that apply
RESET ROLE;
GRANT SELECT ON seen TO privileges_revoked_reader;
REVOKE SELECT (id) ON item FROM privileges_revoked_reader;
ALTER VIEW seen OWNER TO privileges_revoked_reader;
SELECT pgtrickle.refresh_stream_table('by_view');
GRANT SELECT ON item TO privileges_revoked_reader;
SELECT pgtrickle.refresh_stream_table('by_view') \g /dev/null
CREATE POLICY few ON item USING (id < 3);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
ALTER VIEW seen OWNER TO privileges_revoked_owner;
GRANT SELECT ON seen TO privileges_revoked_reader;
SET ROLE privileges_revoked_reader;
SELECT pgtrickle.create_stream_table('as_its_owner', 'SELECT id FROM seen', '520w') \g /dev/null
SELECT (SELECT count(*) FROM seen) AS seen, (SELECT count(*) FROM as_its_owner) AS kept;
RESET ROLE;
ALTER VIEW seen SET (security_invoker = on);
SELECT pgtrickle.refresh_stream_table('as_its_owner') \g /dev/null
SET ROLE privileges_revoked_reader;
SELECT (SELECT count(*) FROM seen) AS seen, (SELECT count(*) FROM as_its_owner) AS kept;
RESET ROLE;
ALTER VIEW seen RESET (security_invoker);
SELECT pgtrickle.refresh_stream_table('as_its_owner') \g /dev/null
SELECT (SELECT count(*) FROM seen) AS seen, (SELECT count(*) FROM as_its_owner) AS kept;
-- the_owner_of_the_table_changes
ALTER TABLE item OWNER TO privileges_revoked_reader;
GRANT SELECT ON item TO privileges_revoked_owner;
SELECT pgtrickle.refresh_stream_table('as_its_owner') \g /dev/null
SELECT (SELECT count(*) FROM seen) AS seen, (SELECT count(*) FROM as_its_owner) AS kept;
-- an_owner_without_privileges_does_not_keep_others_from_altering_a_source
ALTER TABLE item OWNER TO privileges_revoked_owner;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON seen, item FROM privileges_revoked_reader;
SET ROLE privileges_revoked_owner;
CREATE OR REPLACE VIEW privileges_revoked.seen AS SELECT id, -v AS v FROM item;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('by_view');
GRANT SELECT ON seen TO privileges_revoked_reader;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest(ARRAY['by_view', 'as_its_owner']) name \g /dev/null
SELECT (SELECT sum(v) FROM by_view) AS v, (SELECT count(*) FROM as_its_owner) AS kept;
-- a_look_up_says_the_same_of_every_key_of_a_source_that_the_owner_may_no_longer_read, from the first one on or later
CREATE TABLE privileges_revoked.secret (id int PRIMARY KEY, who text);
INSERT INTO secret SELECT g, 'w' || g FROM generate_series(1, 9) g;
GRANT SELECT, TRIGGER ON secret TO privileges_revoked_reader;
SET ROLE privileges_revoked_reader;
SELECT pgtrickle.create_stream_table('of_ids', 'SELECT id, who FROM secret', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('of_names', 'SELECT who, count(*) AS n FROM secret GROUP BY who', '520w') \g /dev/null
RESET ROLE;
INSERT INTO secret VALUES (10, 'w10');
SET ROLE privileges_revoked_reader;
SET pg_trickle.read_mode = exact;
SELECT (SELECT who FROM of_ids WHERE id = 10) AS who, (SELECT n FROM of_names WHERE who = 'w10') AS n;
RESET ROLE;
REVOKE ALL ON secret FROM privileges_revoked_reader;
INSERT INTO secret VALUES (77, 'w77');
CREATE FUNCTION privileges_revoked.said_of(statement text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE statement; RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN RETURN sqlstate || ' ' || sqlerrm; END $$;
CREATE TEMP TABLE asked (statement text);
INSERT INTO asked SELECT format('SELECT * FROM of_ids WHERE id = %s', id) FROM unnest('{5, 76, 77}'::int[]) id
UNION ALL SELECT format('SELECT * FROM of_names WHERE who = %L', who) FROM unnest('{w5, w76, w77}'::text[]) who;
GRANT SELECT ON asked TO privileges_revoked_reader;
GRANT EXECUTE ON FUNCTION privileges_revoked.said_of TO privileges_revoked_reader;
SET ROLE privileges_revoked_reader;
SELECT statement, said_of(statement) FROM asked;
RESET pg_trickle.read_mode;
SET pg_trickle.max_staleness = 0;
SET pg_trickle.on_stale = error;
SELECT statement, said_of(statement) FROM asked;
RESET pg_trickle.on_stale;
RESET pg_trickle.max_staleness;
RESET ROLE;
DROP SCHEMA privileges_revoked, privileges_revoked_2 CASCADE;
DROP OWNED BY privileges_revoked_owner, privileges_revoked_reader;
DROP ROLE privileges_revoked_owner, privileges_revoked_reader;
