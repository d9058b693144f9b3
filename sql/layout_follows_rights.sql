-- The policies that apply to the owner decide if a query has a program, and so which heaps exist: both follow roles and owners.
SET client_min_messages = warning;
CREATE SCHEMA layout_follows_rights;
SET search_path = layout_follows_rights;
CREATE ROLE lfr_a; CREATE ROLE lfr_b;
GRANT ALL ON SCHEMA layout_follows_rights TO lfr_a, lfr_b;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO lfr_b;
CREATE TABLE t (id int PRIMARY KEY, k int, v int);
INSERT INTO t SELECT i, i % 3, i FROM generate_series(1, 9) i;
GRANT SELECT, TRIGGER ON t TO lfr_a, lfr_b;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON t USING (k < 2);
SET ROLE lfr_b;
SELECT pgtrickle.create_stream_table('layout_follows_rights.st', 'SELECT k, sum(v) AS v FROM layout_follows_rights.t GROUP BY k', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('layout_follows_rights.above', 'SELECT sum(v) AS v FROM layout_follows_rights.st', '520w') \g /dev/null
TABLE st ORDER BY 1; TABLE above;
RESET ROLE;
-- no_policy_applies_to_the_role_any_more
ALTER ROLE lfr_b BYPASSRLS;
UPDATE t SET v = v + 100 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('above') \g /dev/null
TABLE st ORDER BY 1; TABLE above;
UPDATE t SET v = v + 100 WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('above') \g /dev/null
SELECT action FROM pgtrickle.get_refresh_history('st', 1);
TABLE st ORDER BY 1; TABLE above;
-- a_policy_applies_to_the_role_again
ALTER ROLE lfr_b NOBYPASSRLS;
UPDATE t SET v = v + 100 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('above') \g /dev/null
TABLE st ORDER BY 1; TABLE above;
UPDATE t SET v = v + 100 WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('above') \g /dev/null
SELECT action FROM pgtrickle.get_refresh_history('st', 1);
TABLE st ORDER BY 1; TABLE above;
-- an owner without a policy, and one with another policy
ALTER ROLE lfr_a BYPASSRLS;
ALTER FOREIGN TABLE st OWNER TO lfr_a; GRANT SELECT ON st TO lfr_b;
TABLE st ORDER BY 1;
ALTER ROLE lfr_a NOBYPASSRLS;
DROP POLICY few ON t; CREATE POLICY few_of_a ON t TO lfr_a USING (k > 1); CREATE POLICY few_of_b ON t TO lfr_b USING (k < 1);
SELECT pgtrickle.refresh_stream_table('above') \g /dev/null
TABLE st ORDER BY 1; TABLE above;
ALTER FOREIGN TABLE st OWNER TO lfr_b;
SELECT pgtrickle.refresh_stream_table('above') \g /dev/null
TABLE st ORDER BY 1; TABLE above;
DROP SCHEMA layout_follows_rights CASCADE;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM lfr_b;
DROP ROLE lfr_a, lfr_b;
