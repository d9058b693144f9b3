-- Exact reads by roles that may read little, and what they may not learn; values that are too large for a plan.
SET client_min_messages = warning;
CREATE SCHEMA exact_rights;
SET search_path = exact_rights;
CREATE TABLE paid (id int PRIMARY KEY, k int, v int);
INSERT INTO paid SELECT i, i % 3, i FROM generate_series(1, 9) i;
SELECT pgtrickle.create_stream_table('by_k', 'SELECT k, sum(v) AS total FROM paid WHERE 9 / v > 0 GROUP BY k', '520w');
SELECT pgtrickle.create_stream_table('rows', 'SELECT id, v FROM paid WHERE 9 / v > 0', '520w');
CREATE TABLE halves (k int, total bigint) PARTITION BY LIST (k);
ALTER TABLE halves ATTACH PARTITION by_k DEFAULT;
CREATE ROLE exact_nobody;
GRANT USAGE ON SCHEMA exact_rights TO exact_nobody;
UPDATE paid SET v = 0 WHERE id = 1;
SET pg_trickle.read_mode = exact;

-- nothing_of_the_owner_runs_for_a_role_without_privileges
SET ROLE exact_nobody;
SELECT * FROM by_k;
SELECT * FROM rows;
SELECT by_k, ctid FROM by_k;
SELECT * FROM halves;
RESET ROLE;
GRANT SELECT (k) ON by_k TO exact_nobody;
SET ROLE exact_nobody;
SELECT total FROM by_k;
SELECT ctid FROM by_k;
SELECT by_k FROM by_k;
-- nor_after_its_privilege_has_been_revoked
PREPARE q AS SELECT count(k) FROM by_k;
EXECUTE q;
RESET ROLE;
REVOKE SELECT (k) ON by_k FROM exact_nobody;
SET ROLE exact_nobody;
EXECUTE q;
RESET ROLE;

-- no_role_makes_touched_values
SET ROLE exact_nobody;
SELECT 'x'::pgtrickle.touched_values;
SELECT '{x}'::pgtrickle.touched_values[];
SELECT pgtrickle.is_touched(NULL, 1), pgtrickle.is_touched(NULL, VARIADIC ARRAY[1, 2]), pgtrickle.is_touched(NULL, NULL::text, 2);
RESET ROLE;
-- but_every_plan_may_look_for_them_where_new_functions_are_not_executable_by_default
SELECT bool_or(grantee = 0) AS is_granted FROM pg_proc, aclexplode(proacl) WHERE oid::regproc = 'pgtrickle.is_touched'::regproc;

-- large_groups_and_large_keys_are_computed
CREATE FUNCTION way(query text) RETURNS SETOF text LANGUAGE plpgsql SET pg_trickle.enable_expansion = on AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
    IF line ~ 'Exact Read' THEN RETURN NEXT trim(line); END IF;
  END LOOP;
END $$;
CREATE TABLE wide (id int PRIMARY KEY, k text, w text);
INSERT INTO wide SELECT i, i::text, 'w' FROM generate_series(1, 200) i;
SELECT pgtrickle.create_stream_table('wide_groups', 'SELECT k, max(w) AS most FROM wide GROUP BY k', '520w');
SELECT pgtrickle.create_stream_table('wide_keys', 'SELECT k, count(*) AS n FROM wide GROUP BY k', '520w');
UPDATE wide SET w = repeat('w', 300000) WHERE id <= 20;
SELECT way('TABLE wide_groups') ~ 'merged' AS is_merged;
UPDATE wide SET w = repeat('w', 300000) WHERE id <= 150;
SELECT way('TABLE wide_groups');
SELECT count(*), sum(length(most)) FROM wide_groups;
UPDATE wide SET k = repeat(k, 30000) WHERE id > 120;
SELECT way('TABLE wide_keys');
SELECT count(*), sum(length(k)) FROM wide_keys;
DROP SCHEMA exact_rights CASCADE;
DROP ROLE exact_nobody;
