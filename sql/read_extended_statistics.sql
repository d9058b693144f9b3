-- CREATE STATISTICS on a stream table: a read is planned with what ANALYZE gathered.
SET client_min_messages = warning;
CREATE SCHEMA read_extended_statistics;
SET search_path = read_extended_statistics, public;
SET pg_trickle.enable_expansion = on;
CREATE TABLE src (id int PRIMARY KEY, a int, b numeric, t text);
INSERT INTO src SELECT g, g % 20, g % 20, 'x' || g % 20 FROM generate_series(1, 4000) g;
SELECT pgtrickle.create_stream_table('st', 'SELECT id, a, b, t FROM src', '520w');
SELECT pgtrickle.create_stream_table('grouped', 'SELECT a, b, t, count(*) AS n FROM src GROUP BY a, b, t', '520w');
CREATE FUNCTION estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
  RETURN plan -> 0 -> 'Plan' -> 'Plan Rows';
END $$;
ANALYZE st;
CREATE FUNCTION estimates() RETURNS TABLE (groups boolean, dependency boolean, most_common boolean, expression boolean) LANGUAGE sql AS $$
  SELECT estimate('SELECT a, b FROM st GROUP BY a, b') = 20, estimate('SELECT id FROM st WHERE a = 3 AND b = 3') = 200,
         estimate('SELECT id FROM st WHERE a < 4 AND b < 4') = 800, estimate('SELECT id % 10 FROM st GROUP BY id % 10') = 10 $$;
SELECT * FROM estimates();
-- are_used_once_ANALYZE_has_gathered_them
CREATE STATISTICS of_pair (ndistinct, dependencies) ON a, b FROM st;
CREATE STATISTICS of_values (mcv) ON a, b FROM st;
CREATE STATISTICS of_digit ON (id % 10) FROM st;
SELECT * FROM estimates();
ANALYZE st;
SELECT * FROM estimates();
-- by_a_role_that_may_read_the_stream_table, and_by_a_view
CREATE ROLE read_extended_statistics_reader;
GRANT USAGE ON SCHEMA read_extended_statistics TO read_extended_statistics_reader;
GRANT SELECT ON st TO read_extended_statistics_reader;
SET ROLE read_extended_statistics_reader;
SELECT * FROM estimates();
RESET ROLE;
REVOKE SELECT ON st FROM read_extended_statistics_reader;
GRANT SELECT (id, a, b) ON st TO read_extended_statistics_reader;
CREATE VIEW seen AS SELECT * FROM st;
GRANT SELECT ON seen TO read_extended_statistics_reader;
SET ROLE read_extended_statistics_reader;
SELECT estimate('SELECT id FROM seen WHERE a < 4 AND b < 4') = 800 AS by_view, estimate('SELECT id FROM st WHERE a < 4 AND b < 4') = 800 AS by_columns;
RESET ROLE;
-- another_query_leaves_them, and_the_foreign_table_owns_them
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, a, b, t, 7 AS more FROM src');
SELECT * FROM estimates();
SELECT stxname, stxrelid::regclass FROM pg_statistic_ext WHERE stxrelid = 'st'::regclass ORDER BY 1;
DROP STATISTICS of_digit;
SELECT groups, most_common, expression FROM estimates();
-- the_nested_scan_uses_them, too
SET pg_trickle.enable_expansion = off;
SELECT most_common FROM estimates();
SET pg_trickle.enable_expansion = on;
-- refreshes_and_a_partitioned_storage_do_without
SELECT pgtrickle.alter_stream_table('st', partition_by => 'HASH (id, 2)');
ANALYZE st;
SELECT estimate('SELECT a, b FROM st GROUP BY a, b') > 20 AS groups_of_parts;
INSERT INTO src VALUES (5000, 3, 3, 'x3');
SELECT pgtrickle.refresh_stream_table('st');
SELECT * FROM test.differences('st', 'SELECT id, a, b, t, 7 FROM src');
DROP SCHEMA read_extended_statistics CASCADE;
DROP ROLE read_extended_statistics_reader;
RESET client_min_messages; RESET pg_trickle.enable_expansion;
