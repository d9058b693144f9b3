-- Capture creates triggers on sources: the owner of the stream table needs the TRIGGER privilege on each relation that gets one.
CREATE SCHEMA capture_privilege;
SET search_path = capture_privilege;
CREATE ROLE capture_privilege_a; CREATE ROLE capture_privilege_b; CREATE ROLE capture_privilege_group;
GRANT ALL ON SCHEMA capture_privilege TO capture_privilege_a, capture_privilege_b;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO capture_privilege_a, capture_privilege_b;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT i, i FROM generate_series(1, 3) i;
GRANT SELECT ON t TO capture_privilege_a, capture_privilege_b;
CREATE FUNCTION triggers(relation regclass) RETURNS bigint LANGUAGE sql
  RETURN (SELECT count(*) FROM pg_trigger WHERE tgrelid = relation AND tgname LIKE 'pg_trickle%');
CREATE FUNCTION mode(name text) RETURNS text LANGUAGE sql
  RETURN (SELECT effective_mode || coalesce(': ' || downgrade_reason, '') FROM pgtrickle.explain_refresh_mode(name));
CREATE FUNCTION last_action(name text) RETURNS text LANGUAGE sql
  RETURN (SELECT action FROM pgtrickle.get_refresh_history(name, 1));

-- differential_is_refused, naming relation and privilege
SET ROLE capture_privilege_a;
SELECT pgtrickle.create_stream_table('capture_privilege.st', 'SELECT sum(v) AS v FROM capture_privilege.t', '520w', 'DIFFERENTIAL');
SELECT check_name, result, severity FROM pgtrickle.validate_query('SELECT sum(v) AS v FROM capture_privilege.t') WHERE severity <> 'OK';
-- automatic_is_maintained_by_full_refreshes, says so, and creates nothing on the source
SELECT pgtrickle.create_stream_table('capture_privilege.st', 'SELECT sum(v) AS v FROM capture_privilege.t', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('capture_privilege.whole', 'SELECT v FROM capture_privilege.t', '520w', 'FULL') \g /dev/null
SELECT pgtrickle.create_stream_table('capture_privilege.on_change', 'SELECT max(v) AS v FROM capture_privilege.t') \g /dev/null
SELECT triggers('t'), mode('st');
SELECT is_captured FROM pgtrickle.list_sources('st');
-- it_is_not_considered_fresh
RESET ROLE;
UPDATE t SET v = v + 10;
SET ROLE capture_privilege_a;
SET pg_trickle.max_staleness = '0';
TABLE st; SELECT sum(v) FROM whole; TABLE on_change;
RESET pg_trickle.max_staleness;
ALTER FOREIGN TABLE st OPTIONS (SET refresh_mode 'DIFFERENTIAL');
-- a_granted_privilege_is_used at the next refresh, in all modes; that refresh takes place also where only a change makes it due
RESET ROLE;
GRANT TRIGGER ON t TO capture_privilege_a;
SELECT pgtrickle.wait_until_fresh('on_change');
SELECT is_captured FROM pgtrickle.list_sources('on_change');
SET ROLE capture_privilege_a;
SELECT pgtrickle.refresh_stream_table('st'), pgtrickle.refresh_stream_table('whole') \g /dev/null
SELECT triggers('t'), mode('st');
RESET ROLE;
UPDATE t SET v = v + 10;
SET ROLE capture_privilege_a;
SELECT pgtrickle.refresh_stream_table('st');
SELECT last_action('st');
TABLE st;
ALTER FOREIGN TABLE st OPTIONS (SET refresh_mode 'DIFFERENTIAL');
-- a_source_captured_for_others_is_not_captured_for_all
SET ROLE capture_privilege_b;
SELECT pgtrickle.create_stream_table('capture_privilege.others', 'SELECT count(*) AS n FROM capture_privilege.t', '520w') \g /dev/null
SELECT mode('others');
RESET ROLE;
-- a_revoked_privilege leaves the mode unchanged, and refreshes are full
REVOKE TRIGGER ON t FROM capture_privilege_a;
UPDATE t SET v = v + 10;
SELECT pgtrickle.refresh_stream_table('st');
SELECT mode('st'), is_captured FROM pgtrickle.list_sources('st');
TABLE st;
-- by_membership, and lost with it
GRANT TRIGGER ON t TO capture_privilege_group;
GRANT capture_privilege_group TO capture_privilege_a;
SELECT pgtrickle.refresh_stream_table('st');
SELECT mode('st');
REVOKE capture_privilege_group FROM capture_privilege_a;
SELECT mode('st');
-- another_owner decides
GRANT TRIGGER ON t TO capture_privilege_b;
ALTER FOREIGN TABLE st OWNER TO capture_privilege_b;
SELECT pgtrickle.refresh_stream_table('st');
SELECT mode('st');
REASSIGN OWNED BY capture_privilege_b TO capture_privilege_a;
SELECT pgtrickle.refresh_stream_table('st');
SELECT mode('st');
DROP FOREIGN TABLE st, whole, on_change, others;

-- one_partition: its root gets triggers, too
CREATE TABLE root (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF root FOR VALUES FROM (0) TO (10);
GRANT SELECT, TRIGGER ON part TO capture_privilege_a;
SET ROLE capture_privilege_a;
SELECT pgtrickle.create_stream_table('capture_privilege.st', 'SELECT sum(v) AS v FROM capture_privilege.part', '520w', 'DIFFERENTIAL');
RESET ROLE;
GRANT TRIGGER ON root TO capture_privilege_a;
SET ROLE capture_privilege_a;
SELECT pgtrickle.create_stream_table('capture_privilege.st', 'SELECT sum(v) AS v FROM capture_privilege.part', '520w', 'DIFFERENTIAL');
RESET ROLE;
INSERT INTO root VALUES (1, 1);
SELECT pgtrickle.refresh_stream_table('st') \g /dev/null
SELECT last_action('st'); TABLE st;
DROP FOREIGN TABLE st;
-- all_partitions, for their root; a later partition follows it
GRANT SELECT ON root TO capture_privilege_a;
CREATE TABLE part_1 PARTITION OF root FOR VALUES FROM (10) TO (20);
SET ROLE capture_privilege_a;
SELECT pgtrickle.create_stream_table('capture_privilege.st', 'SELECT sum(v) AS v FROM capture_privilege.root', '520w', 'DIFFERENTIAL');
RESET ROLE;
GRANT TRIGGER ON part_1 TO capture_privilege_a;
SET ROLE capture_privilege_a;
SELECT pgtrickle.create_stream_table('capture_privilege.st', 'SELECT sum(v) AS v FROM capture_privilege.root', '520w', 'DIFFERENTIAL') \g /dev/null
RESET ROLE;
CREATE TABLE part_2 PARTITION OF root FOR VALUES FROM (20) TO (30);
INSERT INTO part_2 VALUES (21, 21);
SELECT pgtrickle.refresh_stream_table('st') \g /dev/null
SELECT last_action('st'), mode('st'); TABLE st;
DROP FOREIGN TABLE st;

-- the_setting_select requires no other privilege, and only a superuser may change it
CREATE TABLE u (id int PRIMARY KEY, v int);
GRANT SELECT ON u TO capture_privilege_a;
SET ROLE capture_privilege_a;
SET pg_trickle.capture_privilege = 'select';
RESET ROLE;
SET pg_trickle.capture_privilege = 'select';
SET ROLE capture_privilege_a;
SELECT pgtrickle.create_stream_table('capture_privilege.st', 'SELECT sum(v) AS v FROM capture_privilege.u', '520w', 'DIFFERENTIAL');
SELECT mode('st');
RESET ROLE;
RESET pg_trickle.capture_privilege;
SELECT mode('st');
-- a_grant_reads_the_dependents_of_what_it_names only, and none where it grants no TRIGGER
CREATE TABLE unread (id int);
CREATE FUNCTION scans() RETURNS bigint LANGUAGE sql RETURN
  pg_stat_get_xact_numscans('pgtrickle.pgt_dependency_pkey'::regclass) + pg_stat_get_xact_numscans('pgtrickle.pgt_dependency_source'::regclass);
CREATE FUNCTION scans_by(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE before bigint = scans();
BEGIN
  EXECUTE statement;
  RETURN scans() - before;
END $$;
SET ROLE capture_privilege_a;
SELECT pgtrickle.create_stream_table('capture_privilege.more_' || i, 'SELECT sum(v) AS v FROM capture_privilege.u', '520w', 'FULL') FROM generate_series(1, 9) i \g /dev/null
RESET ROLE;
SELECT scans_by('GRANT SELECT ON u TO capture_privilege_b') < 3 AS with_select, scans_by('GRANT TRIGGER ON unread TO capture_privilege_b') < 3 AS with_trigger;
SET client_min_messages = warning;
DROP SCHEMA capture_privilege CASCADE;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM capture_privilege_a, capture_privilege_b;
DROP ROLE capture_privilege_a, capture_privilege_b, capture_privilege_group;
