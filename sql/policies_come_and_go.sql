-- A change of roles makes a policy apply, or no longer apply, to the role that a view reads as: the stream table is reinitialised.
SET client_min_messages = warning;
CREATE SCHEMA policies_come_and_go;
SET search_path = policies_come_and_go;
CREATE ROLE pcg_a; CREATE ROLE pcg_b;
GRANT USAGE ON SCHEMA policies_come_and_go TO pcg_a, pcg_b; GRANT CREATE ON SCHEMA policies_come_and_go TO pcg_a, pcg_b;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO pcg_b;
SET ROLE pcg_b;
CREATE TABLE a (id int, v int);
ALTER TABLE a ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON a USING (id < 3);
GRANT SELECT ON a TO pcg_a;
INSERT INTO a SELECT g, g FROM generate_series(1, 4) g;
RESET ROLE; SET ROLE pcg_a;
CREATE VIEW v AS SELECT * FROM a;
GRANT SELECT ON v TO pcg_b;
RESET ROLE; SET ROLE pcg_b;
SELECT pgtrickle.create_stream_table('policies_come_and_go.st', 'SELECT id FROM policies_come_and_go.v', '520w', 'AUTO') \g /dev/null
TABLE st ORDER BY 1; TABLE v ORDER BY 1;
RESET ROLE;
ALTER ROLE pcg_a BYPASSRLS;
INSERT INTO a VALUES (9, 9);
SELECT pgtrickle.refresh_stream_table('policies_come_and_go.st') \g /dev/null
SELECT action FROM pgtrickle.get_refresh_history('policies_come_and_go.st', 1);
TABLE st ORDER BY 1; TABLE v ORDER BY 1;
ALTER ROLE pcg_a NOBYPASSRLS;
INSERT INTO a VALUES (10, 9);
SELECT pgtrickle.refresh_stream_table('policies_come_and_go.st') \g /dev/null
SELECT action FROM pgtrickle.get_refresh_history('policies_come_and_go.st', 1);
TABLE st ORDER BY 1; TABLE v ORDER BY 1;
GRANT pcg_b TO pcg_a;
INSERT INTO a VALUES (11, 9);
SELECT pgtrickle.refresh_stream_table('policies_come_and_go.st') \g /dev/null
SELECT action FROM pgtrickle.get_refresh_history('policies_come_and_go.st', 1);
TABLE st ORDER BY 1; TABLE v ORDER BY 1;
REVOKE pcg_b FROM pcg_a;
DROP SCHEMA policies_come_and_go CASCADE;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM pcg_b;
DROP ROLE pcg_a, pcg_b;
