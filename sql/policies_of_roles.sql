/* Which policies bind the owner of a stream table, or of a view that it reads, depends on roles: a change of these reaches the
   rows, as a change of a policy does. */
SET client_min_messages = warning;
CREATE SCHEMA policies_of_roles;
SET search_path = policies_of_roles;
CREATE ROLE por_owner; CREATE ROLE por_group; CREATE ROLE por_outer; CREATE ROLE por_viewer;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO por_owner;
GRANT USAGE, CREATE ON SCHEMA policies_of_roles TO por_owner, por_viewer;
CREATE TABLE t (id int PRIMARY KEY, k int);
INSERT INTO t SELECT g, g % 3 FROM generate_series(1, 9) g;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON t TO por_owner, por_viewer USING (k = 0);
CREATE POLICY of_group ON t TO por_group USING (k = 1);
GRANT SELECT, TRIGGER ON t TO por_owner, por_viewer;
SET ROLE por_viewer;
CREATE VIEW seen AS SELECT id, k FROM t;
GRANT SELECT ON seen TO por_owner;
RESET ROLE; SET ROLE por_owner;
SELECT pgtrickle.create_stream_table('st', 'SELECT id, k FROM t', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('of_view', 'SELECT id, k FROM seen', '520w') \g /dev/null
RESET ROLE;
SET pg_trickle.max_staleness = 0;
-- the query of each as its owner runs it
CREATE FUNCTION compare(what text) RETURNS TABLE (change text, st bigint, query bigint, of_view bigint, query_of_view bigint) LANGUAGE plpgsql AS $$
DECLARE role_before text := current_user;
BEGIN
  change := what;
  SELECT count(*) FROM st INTO st;
  SELECT count(*) FROM of_view INTO of_view;
  SET LOCAL ROLE por_owner;
  EXECUTE 'SELECT count(*) FROM t' INTO query; -- a plan that is kept may not notice a change of roles
  EXECUTE 'SELECT count(*) FROM seen' INTO query_of_view;
  PERFORM set_config('role', role_before, true);
  RETURN NEXT;
END $$;
SELECT * FROM compare('none');
GRANT por_group TO por_owner; SELECT * FROM compare('membership');
REVOKE por_group FROM por_owner; SELECT * FROM compare('its end');
GRANT por_group TO por_outer; SELECT * FROM compare('nothing yet');
GRANT por_outer TO por_owner; SELECT * FROM compare('membership in a member');
DROP ROLE por_outer; SELECT * FROM compare('the role in between is gone');
CREATE ROLE por_bridge IN ROLE por_group ROLE por_owner; SELECT * FROM compare('a new role in between');
DROP ROLE por_bridge; SELECT * FROM compare('it is gone');
ALTER ROLE por_owner BYPASSRLS; SELECT * FROM compare('exempt');
ALTER ROLE por_owner NOBYPASSRLS; SELECT * FROM compare('bound');
ALTER ROLE por_owner SUPERUSER; SELECT * FROM compare('superuser');
ALTER ROLE por_owner NOSUPERUSER; SELECT * FROM compare('no superuser');
ALTER GROUP por_group ADD USER por_owner; SELECT * FROM compare('added to a group');
ALTER GROUP por_group DROP USER por_owner; SELECT * FROM compare('dropped from a group');
GRANT por_group TO por_viewer; SELECT * FROM compare('the owner of the view');
ALTER ROLE por_viewer BYPASSRLS; SELECT * FROM compare('that is exempt');
-- within a transaction, and read exactly
BEGIN; REVOKE por_group FROM por_viewer; ALTER ROLE por_viewer NOBYPASSRLS; GRANT por_group TO por_owner;
SELECT * FROM compare('own changes'); SET LOCAL pg_trickle.read_mode = exact; SELECT * FROM compare('read exactly'); ROLLBACK;
SET pg_trickle.read_mode = exact;
GRANT por_group TO por_owner; SELECT * FROM compare('exact membership');
REVOKE por_group FROM por_owner; SELECT * FROM compare('its exact end');
RESET pg_trickle.read_mode;
-- owners
ALTER FOREIGN TABLE st OWNER TO por_viewer; SELECT count(*) FROM st;
SELECT rolname AS superuser FROM pg_roles WHERE oid = 10 \gset
ALTER FOREIGN TABLE st OWNER TO :superuser; SELECT count(*) FROM st;
ALTER FOREIGN TABLE st OWNER TO por_owner; SELECT count(*) FROM st;
ALTER FOREIGN TABLE st OWNER TO :superuser; SELECT count(*) FROM st;
SET pg_trickle.read_mode = exact; SELECT count(*) FROM st;
SET client_min_messages = error;
DROP SCHEMA policies_of_roles CASCADE;
DROP OWNED BY por_owner, por_viewer; DROP ROLE por_owner, por_group, por_viewer;
