-- The plans of both read routes.
CREATE SCHEMA read_plans;
SET search_path = read_plans;
CREATE TABLE sale (id int PRIMARY KEY, region int, qty int);
INSERT INTO sale SELECT i, i % 10, i FROM generate_series(1, 10000) i;
CREATE FOREIGN TABLE big (id int, region int, qty int) SERVER pgtrickle
  OPTIONS (query 'SELECT id, region, qty FROM sale WHERE qty > 0', schedule '520w');
CREATE INDEX ON big (qty);
CREATE TABLE other AS SELECT i AS k FROM generate_series(1, 20) i;
ANALYZE big, other;
-- Names of storage have an OID in them; ages and frontiers differ from run to run.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    CONTINUE WHEN line ~ 'Frontier|Pending|Age';
    RETURN NEXT regexp_replace(line, 'st_\d+', 'st_N', 'g');
  END LOOP;
END $$;

SET enable_mergejoin = off;
SET enable_hashjoin = off;
SET pg_trickle.enable_expansion = on;
SELECT plan('SELECT * FROM big WHERE qty = 5');
SELECT plan('SELECT qty FROM big ORDER BY qty DESC LIMIT 3');
SELECT plan('SELECT * FROM other JOIN big ON big.qty = other.k');
SELECT plan('SELECT count(*) FROM big b WHERE EXISTS (SELECT FROM other WHERE k = b.qty)');
SET max_parallel_workers_per_gather = 1;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT plan('SELECT sum(qty) FROM big');
SET max_parallel_workers_per_gather = 0;
-- a_join_with_a_group_is_omitted, as its key is unique
CREATE FOREIGN TABLE per_region (region int, n bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT region, count(*) FROM sale GROUP BY region', schedule '520w');
SELECT plan('SELECT k FROM other LEFT JOIN per_region ON region = k');
-- an_index_alone_is_read, also_of_groups_that_HAVING_leaves
CREATE FOREIGN TABLE even (region int, n bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT region, count(*) FROM sale GROUP BY region HAVING sum(qty) % 2 = 0', schedule '520w');
CREATE INDEX ON even (n, region);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT plan('SELECT region FROM even WHERE n > 3');
RESET enable_seqscan;
RESET enable_bitmapscan;
-- an_inlined_function_is_expanded, and the plan depends on it
CREATE FUNCTION of_qty(int) RETURNS SETOF big LANGUAGE sql STABLE AS 'SELECT * FROM read_plans.big WHERE qty = $1';
CREATE FUNCTION through(q int) RETURNS TABLE (id int) LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT id FROM read_plans.of_qty(q)';
SELECT plan('SELECT * FROM other, of_qty(k)');
SELECT plan('SELECT * FROM through(5)');
SELECT * FROM through(q => 5);
CREATE FUNCTION whole() RETURNS SETOF big LANGUAGE sql STABLE AS 'SELECT * FROM read_plans.big';
SET max_parallel_workers_per_gather = 1;
SELECT plan('SELECT sum(qty) FROM whole()');
ALTER FUNCTION whole PARALLEL SAFE;
SELECT plan('SELECT sum(qty) FROM whole()');
SET max_parallel_workers_per_gather = 0;
SET plan_cache_mode = force_generic_plan;
PREPARE by_function AS SELECT id FROM of_qty(5);
EXECUTE by_function;
CREATE OR REPLACE FUNCTION of_qty(int) RETURNS SETOF big LANGUAGE sql STABLE AS 'SELECT * FROM read_plans.big WHERE qty = $1 + 1';
EXECUTE by_function;
RESET plan_cache_mode;
-- with_the_privileges_on_both
CREATE ROLE read_plans_caller;
GRANT USAGE ON SCHEMA read_plans TO read_plans_caller;
SET ROLE read_plans_caller;
SELECT * FROM of_qty(5);
RESET ROLE;
GRANT SELECT ON big TO read_plans_caller;
REVOKE EXECUTE ON FUNCTION of_qty FROM PUBLIC;
SET ROLE read_plans_caller;
SELECT * FROM of_qty(5);
RESET ROLE;
GRANT EXECUTE ON FUNCTION of_qty TO read_plans_caller;
SET ROLE read_plans_caller;
SELECT * FROM of_qty(5);
RESET ROLE;
DROP OWNED BY read_plans_caller;
DROP ROLE read_plans_caller;
-- system_columns_need_the_nested_scan
SELECT plan('SELECT tableoid, * FROM big WHERE qty = 5');

SET pg_trickle.enable_expansion = off;
SELECT plan('SELECT * FROM big WHERE qty = 5');
SELECT plan('SELECT qty FROM big ORDER BY qty DESC LIMIT 3');
SELECT plan('SELECT * FROM other JOIN big ON big.qty = other.k');
-- conditions_evaluated_outside_of_the_nested_scan
SELECT plan('SELECT * FROM big WHERE qty = 5 AND random() < 2 AND big IS NOT NULL');

-- a_cached_plan_follows_the_setting
SET plan_cache_mode = force_generic_plan;
PREPARE kept AS SELECT * FROM big WHERE qty = 5;
EXECUTE kept;
SELECT plan('EXECUTE kept');
SET pg_trickle.enable_expansion = on;
SELECT plan('EXECUTE kept');
-- also_when_a_transaction_takes_it_back
BEGIN;
SET LOCAL pg_trickle.enable_expansion = off;
SELECT plan('EXECUTE kept');
ROLLBACK;
SELECT plan('EXECUTE kept');
-- and_a_new_index
DROP INDEX big_qty_idx;
SELECT plan('EXECUTE kept');
EXECUTE kept;
RESET pg_trickle.enable_expansion;
RESET plan_cache_mode;

-- an_exact_query_runs_again_only_if_a_parameter_changes
CREATE FUNCTION counted(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE TABLE added (id int, v int);
CREATE FOREIGN TABLE united (id int, qty int) SERVER pgtrickle
  OPTIONS (query 'SELECT id, qty FROM sale WHERE id < 3 UNION ALL SELECT counted(id), v FROM added', schedule '520w');
INSERT INTO added VALUES (1, 5), (2, 7);
CREATE FUNCTION of_parameter(wanted int) RETURNS bigint LANGUAGE sql AS
  'SELECT sum((SELECT sum(qty + g) FROM united WHERE id = wanted)) FROM generate_series(1, 10) g';
CREATE FUNCTION of_changing_parameter() RETURNS bigint LANGUAGE sql AS
  'SELECT sum((SELECT sum(qty) FROM united WHERE id = g)) FROM generate_series(1, 10) g';
SET pg_trickle.read_mode = exact;
SET track_functions = pl;
BEGIN;
SELECT of_parameter(2);
SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'counted';
SELECT of_changing_parameter();
SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'counted';
COMMIT;
RESET pg_trickle.read_mode;
DROP SCHEMA read_plans CASCADE;
