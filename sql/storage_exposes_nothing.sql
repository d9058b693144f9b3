-- The owner of a stream table has no privilege on its storage: hidden columns are shown neither by it nor by its statistics.
CREATE ROLE sx_owner;
CREATE ROLE sx_reader;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO sx_owner;
GRANT CREATE, USAGE ON SCHEMA public TO sx_owner, sx_reader;
CREATE TABLE sx_pay (id int PRIMARY KEY, dept text, salary int);
INSERT INTO sx_pay SELECT i, 'd' || i % 7, 10000 + i FROM generate_series(1, 2000) i;
-- a view that hides the salaries
CREATE VIEW sx_depts AS SELECT dept, count(*) AS n FROM sx_pay GROUP BY dept HAVING max(salary) > 0 AND sum(salary) > 0;
GRANT SELECT ON sx_depts TO sx_owner;
GRANT TRIGGER ON sx_pay TO sx_owner;
CREATE INDEX ON sx_pay (dept);
SET ROLE sx_owner;
CREATE FOREIGN TABLE sx_st () SERVER pgtrickle OPTIONS (query 'SELECT dept, n FROM sx_depts', refresh_mode 'DIFFERENTIAL', schedule '520w');
ANALYZE sx_st;
RESET ROLE;
SELECT format('pg_trickle_storage.st_%s', 'sx_st'::regclass::oid)::regclass AS heap \gset
SELECT count(*) > 2 AS has_hidden_columns FROM pg_attribute WHERE attrelid = :'heap'::regclass AND attnum > 0;
ANALYZE :heap;
SET ROLE sx_owner;
-- no_privilege_of_the_owner_reaches_a_column
SELECT DISTINCT has_table_privilege(c.oid, 'SELECT'), has_column_privilege(c.oid, attnum, 'SELECT'),
  has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE'), has_table_privilege(c.oid, 'DELETE, TRUNCATE, TRIGGER')
  FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
  WHERE relnamespace = 'pg_trickle_storage'::regnamespace AND relkind = 'r' AND relowner = 'sx_owner'::regrole AND attnum > 0;
-- statistics_of_hidden_columns_are_shown_to_none
SELECT count(*) FROM pg_stats WHERE schemaname = 'pg_trickle_storage';
SELECT count(*) FROM pg_stats_ext WHERE schemaname = 'pg_trickle_storage';
SET ROLE sx_reader;
SELECT count(*) FROM pg_stats WHERE schemaname = 'pg_trickle_storage';
RESET ROLE;
SELECT count(*) > 2 AS they_exist FROM pg_stats WHERE schemaname = 'pg_trickle_storage' AND 'pg_trickle_storage.' || tablename = :'heap';
-- default_privileges_do_not_reach_storage
SET ROLE sx_owner;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO sx_reader;
CREATE FOREIGN TABLE sx_granted () SERVER pgtrickle OPTIONS (query 'SELECT dept, n FROM sx_depts', schedule '520w');
SELECT count(*) FROM pg_class WHERE relnamespace = 'pg_trickle_storage'::regnamespace AND relkind = 'r'
  AND has_table_privilege('sx_reader', oid, 'SELECT');
SELECT has_table_privilege('sx_reader', 'sx_granted', 'SELECT') AS is_granted;
-- the_owner_and_a_reader_of_one_column_read_it
SELECT count(*), sum(n) FROM sx_st;
GRANT SELECT (n) ON sx_st TO sx_reader;
SET ROLE sx_reader;
SELECT sum(n) FROM sx_st;
SELECT dept FROM sx_st;
-- estimates_by_an_operator_that_is_not_leakproof_use_statistics_of_columns_that_the_reader_may_read
CREATE FUNCTION sx_less(text, text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 < $2; END $$;
CREATE OPERATOR <<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = sx_less, RESTRICT = scalarltsel);
CREATE FUNCTION sx_estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
  DECLARE plan json; BEGIN EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan; RETURN plan->0->'Plan'->'Plan Rows'; END $$;
SELECT sx_estimate($$SELECT n FROM sx_st WHERE dept <<<< 'x'$$);
RESET ROLE;
GRANT SELECT (dept) ON sx_st TO sx_reader;
SET ROLE sx_reader;
SELECT sx_estimate($$SELECT n FROM sx_st WHERE dept <<<< 'x'$$) AS estimate,
  sx_estimate($$SELECT n FROM sx_st WHERE dept <<<< 'd1'$$) AS of_one;
SET ROLE sx_owner;
SELECT sx_estimate($$SELECT n FROM sx_st WHERE dept <<<< 'x'$$) AS estimate;
-- also_of_an_expression_that_is_indexed
SET pg_trickle.enable_expansion = on;
CREATE INDEX ON sx_st ((dept || 'y'));
RESET ROLE;
ANALYZE :heap;
SET ROLE sx_owner;
SELECT sx_estimate($$SELECT n FROM sx_st WHERE dept || 'y' <<<< 'x'$$) AS estimate;
RESET pg_trickle.enable_expansion;
SELECT count(*) FROM pg_stats WHERE schemaname = 'pg_trickle_storage';
RESET ROLE;
-- owners_change
ALTER FOREIGN TABLE sx_st OWNER TO sx_reader;
SELECT has_any_column_privilege('sx_reader', :'heap', 'SELECT') FROM pg_class WHERE oid = :'heap'::regclass AND relowner = 'sx_reader'::regrole;
REASSIGN OWNED BY sx_reader TO sx_owner;
SELECT has_any_column_privilege('sx_owner', :'heap', 'SELECT') FROM pg_class WHERE oid = :'heap'::regclass AND relowner = 'sx_owner'::regrole;
SET ROLE sx_owner;
SELECT count(*) FROM sx_st;
RESET ROLE;
DROP OWNED BY sx_reader;
DROP OWNED BY sx_owner;
SELECT count(*) FROM pg_class WHERE relowner = ANY ('{sx_owner, sx_reader}'::regrole[]);
DROP TABLE sx_pay CASCADE;
DROP ROLE sx_owner;
DROP ROLE sx_reader;
