-- A stream table takes workers for its owner: who may not create one is given none, except by a superuser.
CREATE ROLE os_giver;
CREATE ROLE os_group;
CREATE ROLE os_granted;
GRANT os_group, os_granted TO os_giver;
CREATE SCHEMA os_giver;
GRANT USAGE, CREATE ON SCHEMA os_giver TO os_giver, os_group, os_granted;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO os_giver, os_granted;
SET ROLE os_giver;
CREATE TABLE os_giver.src (id int);
GRANT SELECT, TRIGGER ON os_giver.src TO os_group, os_granted;
SELECT pgtrickle.create_stream_table('os_giver.' || name, 'SELECT id FROM os_giver.src', '1h') FROM unnest(ARRAY['one', 'two', 'three']) name;
ALTER FOREIGN TABLE os_giver.one OWNER TO os_group;
ALTER TABLE os_giver.one OWNER TO os_group;
\set VERBOSITY terse
REASSIGN OWNED BY os_giver TO os_group;
\set VERBOSITY default
ALTER FOREIGN TABLE os_giver.two OWNER TO os_granted;
RESET ROLE;
ALTER FOREIGN TABLE os_giver.three OWNER TO os_group;
SELECT relname, relowner::regrole FROM pg_class WHERE relname IN ('one', 'two', 'three') AND relkind = 'f' ORDER BY 1;
-- A role from which the server has been taken away keeps what it owns, and may give it to those that have it.
REVOKE USAGE ON FOREIGN SERVER pgtrickle FROM os_giver;
SET ROLE os_giver;
INSERT INTO os_giver.src VALUES (1);
SELECT pgtrickle.refresh_stream_table('os_giver.one');
SELECT count(*) FROM os_giver.one;
ALTER FOREIGN TABLE os_giver.one OWNER TO os_giver;
ALTER FOREIGN TABLE os_giver.one OWNER TO os_granted;
RESET ROLE;
-- A dump has the privileges behind the owners: a role that may grant USAGE restores it.
GRANT USAGE ON FOREIGN SERVER pgtrickle TO os_giver WITH GRANT OPTION;
SET ROLE os_giver;
ALTER FOREIGN TABLE os_giver.one OWNER TO os_group;
REASSIGN OWNED BY os_granted TO os_group;
SELECT relname, relowner::regrole FROM pg_class WHERE relname IN ('one', 'two', 'three') AND relkind = 'f' ORDER BY 1;
RESET ROLE;
DROP OWNED BY os_giver, os_group, os_granted;
DROP SCHEMA os_giver;
DROP ROLE os_giver, os_group, os_granted;
