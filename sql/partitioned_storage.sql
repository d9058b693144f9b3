-- The option partition_by partitions the storage of a stream table.
SET DateStyle = ISO;
CREATE TABLE ps_event (id int PRIMARY KEY, at timestamptz, region text, n int);
INSERT INTO ps_event SELECT i, '2026-01-30 22:00+00'::timestamptz + i * interval '1 hour', (ARRAY['north', 'south', 'east'])[i % 3 + 1], i
  FROM generate_series(0, 99) i;
INSERT INTO ps_event VALUES (200, NULL, NULL, 1), (201, 'infinity', 'north', 2);
CREATE FUNCTION ps_partitions(stream_table regclass) RETURNS TABLE (bound text, rows bigint) LANGUAGE plpgsql AS $$
  DECLARE part regclass;
  BEGIN
    FOR part, bound IN SELECT c.oid, pg_get_expr(relpartbound, c.oid) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
        WHERE inhparent = to_regclass('pg_trickle_storage.st_' || stream_table::oid) ORDER BY 2 LOOP
      EXECUTE format('SELECT count(*) FROM %s', part) INTO rows;
      RETURN NEXT;
    END LOOP;
  END $$;
CREATE FUNCTION ps_scanned(query text) RETURNS TABLE (bound text) LANGUAGE plpgsql AS $$
  DECLARE plan json;
  BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN QUERY SELECT DISTINCT pg_get_expr(relpartbound, c.oid) FROM pg_class c
      WHERE relispartition AND relkind = 'r' AND plan::text ~ ('\m' || relname || '\M') ORDER BY 1;
  END $$;
CREATE FUNCTION ps_nodes(query text, node text) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE plan json;
  BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON, VERBOSE) ' || query INTO plan;
    RETURN (SELECT count(*) FROM regexp_matches(plan::text, '"Node Type": "' || node || '"|^ *-> .*' || node, 'gn'));
  END $$;
SET TimeZone = 'Asia/Tokyo';
SELECT pgtrickle.create_stream_table('ps_day', 'SELECT id, at, region, n FROM ps_event', '520w', 'DIFFERENTIAL', partition_by => 'day(at)');
CREATE FOREIGN TABLE ps_month () SERVER pgtrickle OPTIONS (query 'SELECT id, (at AT TIME ZONE ''UTC'')::date AS d, n FROM ps_event',
  schedule '520w', partition_by 'Month (D)');
SELECT pgtrickle.create_stream_table('ps_hour', 'SELECT date_trunc(''hour'', at AT TIME ZONE ''UTC'') AS h, sum(n) FROM ps_event WHERE id < 3 GROUP BY 1',
  '520w', partition_by => 'hour(h)');
SELECT pgtrickle.create_stream_table('ps_range', 'SELECT id, n - 10 AS m FROM ps_event', '520w', partition_by => 'RANGE (m, 50)');
SELECT pgtrickle.create_stream_table('ps_list', 'SELECT region, count(*), max(n) FROM ps_event GROUP BY region', '520w',
  partition_by => 'LIST (region, ''north'', ''it''''s'')');
SELECT pgtrickle.create_stream_table('ps_hash', 'SELECT region AS "Re gion", n FROM ps_event', '520w', partition_by => 'HASH ("Re gion", n, 3)');
CREATE TABLE ps_all AS SELECT name FROM unnest('{ps_day,ps_month,ps_hour,ps_range,ps_list,ps_hash}'::text[]) name;
CREATE VIEW ps_wrong AS SELECT a.name, d.* FROM ps_all a, test.differences(a.name::regclass) d WHERE missing + surplus > 0;
SELECT * FROM ps_wrong;
-- days_and_months_are_those_of_utc_and_rows_without_a_range_are_in_the_default_partition
SET TimeZone = 'UTC';
SELECT * FROM ps_partitions('ps_day');
SELECT * FROM ps_partitions('ps_month');
SELECT * FROM ps_partitions('ps_hour');
SELECT * FROM ps_partitions('ps_range');
SELECT * FROM ps_partitions('ps_list');
SELECT count(*), sum(rows) FROM ps_partitions('ps_hash');
-- a_read_of_some_ranges_reads_their_partitions_on_both_routes
SELECT * FROM ps_scanned($$SELECT * FROM ps_day WHERE at >= '2026-02-01' AND at < '2026-02-02'$$);
SELECT * FROM ps_scanned($$SELECT count(*) FROM ps_list WHERE region = 'north'$$);
SELECT count(*) FROM ps_scanned($$SELECT * FROM ps_hash WHERE "Re gion" = 'east' AND n = 2$$);
SET enable_partitionwise_aggregate = on;
SET pg_trickle.enable_expansion = on;
SELECT ps_nodes('SELECT region, sum(count) FROM ps_list GROUP BY region', 'Aggregate') > 1 AS is_aggregated_by_partition;
RESET enable_partitionwise_aggregate;
RESET pg_trickle.enable_expansion;
-- deltas_find_rows_in_their_partitions_and_move_them
UPDATE ps_event SET at = at + interval '1 day', region = 'north', n = n + 60 WHERE id BETWEEN 20 AND 25;
UPDATE ps_event SET region = NULL, at = NULL WHERE id = 1;
DELETE FROM ps_event WHERE id BETWEEN 60 AND 70 OR id = 200;
INSERT INTO ps_event SELECT i, '2026-03-01', 'it''s', i FROM generate_series(300, 302) i;
SELECT pgtrickle.refresh_stream_table(name) FROM ps_all;
SELECT * FROM ps_wrong;
SELECT * FROM ps_partitions('ps_list');
-- a_new_range_gets_its_partition_by_the_refresh_that_first_needs_it
SELECT * FROM ps_partitions('ps_day') WHERE bound LIKE '%2026-03%' OR bound = 'DEFAULT';
SELECT * FROM ps_scanned($$SELECT * FROM ps_day WHERE at >= '2026-03-01' AND at < '2026-03-02'$$);
-- within_a_transaction_block_rows_of_new_ranges_wait_in_the_default_partition
BEGIN;
INSERT INTO ps_event VALUES (400, '2026-04-01', 'east', 1);
SELECT pgtrickle.refresh_stream_table('ps_day');
SAVEPOINT s;
INSERT INTO ps_event VALUES (401, '2026-04-02', 'east', 1);
SELECT pgtrickle.refresh_stream_table('ps_day');
ROLLBACK TO s;
COMMIT;
SELECT * FROM test.differences('ps_day');
SELECT * FROM ps_partitions('ps_day') WHERE bound LIKE '%2026-04%' OR bound = 'DEFAULT';
DELETE FROM ps_event WHERE id IN (400, 300);
INSERT INTO ps_event VALUES (402, '2026-04-01', 'east', 1);
SELECT pgtrickle.refresh_stream_table('ps_day');
SELECT * FROM test.differences('ps_day');
SELECT * FROM ps_partitions('ps_day') WHERE bound LIKE '%2026-04%' OR bound = 'DEFAULT';
-- a_full_refresh_compares_and_places_rows
ALTER FOREIGN TABLE ps_day OPTIONS (SET refresh_mode 'FULL');
UPDATE ps_event SET at = at + interval '1 month' WHERE id % 10 = 0;
SELECT pgtrickle.refresh_stream_table('ps_day');
SELECT * FROM test.differences('ps_day');
SELECT count(*), sum(rows) FROM ps_partitions('ps_day');
ALTER FOREIGN TABLE ps_day OPTIONS (SET refresh_mode 'DIFFERENTIAL');
TRUNCATE ps_event;
SELECT pgtrickle.refresh_stream_table(name) FROM ps_all;
SELECT count(*) FROM ps_day;
INSERT INTO ps_event SELECT i, '2027-01-01'::timestamptz + i * interval '5 hours', 'west', i FROM generate_series(0, 20) i;
SELECT pgtrickle.refresh_stream_table(name) FROM ps_all;
SELECT * FROM ps_wrong;
-- a_statement_that_waits_for_its_own_refresh_misses_no_row
DO $$
  DECLARE n int;
  BEGIN
    SET LOCAL pg_trickle.max_staleness = 0;
    SELECT count(*) INTO n FROM ps_day;
    INSERT INTO ps_event VALUES (50, '2027-06-01', 'west', 50);
    SELECT count(*) INTO n FROM ps_day;
    RAISE NOTICE '% rows', n;
  END $$;
-- dependents_savepoints_and_prepared_transactions
SELECT pgtrickle.create_stream_table('ps_down', 'SELECT at, region, count(*) FROM ps_day GROUP BY at, region', '520w', partition_by => 'year(at)');
BEGIN;
SAVEPOINT s;
ALTER FOREIGN TABLE ps_day OPTIONS (SET partition_by 'year(at)');
INSERT INTO ps_event VALUES (51, '2027-07-01', 'west', 51);
SELECT pgtrickle.refresh_stream_table('ps_down');
ROLLBACK TO s;
INSERT INTO ps_event VALUES (52, '2027-08-01', 'west', 52);
SELECT pgtrickle.refresh_stream_table('ps_down');
PREPARE TRANSACTION 'ps_prepared';
COMMIT PREPARED 'ps_prepared';
SELECT * FROM test.differences('ps_day') UNION ALL SELECT * FROM test.differences('ps_down');
SELECT pgtrickle.refresh_stream_table('ps_down');
SELECT * FROM ps_partitions('ps_day') WHERE bound ~ '2027-0[678]-01 00:00:00.00.. TO|DEFAULT';
DROP FOREIGN TABLE ps_down;
-- indexes_are_those_of_all_partitions_of_present_and_later_ones
CREATE INDEX ps_n ON ps_day (n) WHERE n > 0;
INSERT INTO ps_event VALUES (500, '2028-01-01', 'west', 5);
SELECT pgtrickle.refresh_stream_table('ps_day');
SELECT count(*) = (SELECT count(*) FROM ps_partitions('ps_day')) AS all_have_it FROM pg_inherits WHERE inhparent = 'ps_n'::regclass;
SELECT substring(pgtrickle.export_definition('ps_day') FROM 'CREATE INDEX.*');
DROP INDEX CONCURRENTLY ps_n;
DROP INDEX ps_n;
-- sizes_and_statistics_count_the_partitions
SELECT pgtrickle.st_size('ps_day') >= sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
  WHERE inhparent = to_regclass('pg_trickle_storage.st_' || 'ps_day'::regclass::oid);
SELECT count(*) >= 2 AND count(*) = (SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('pg_trickle_storage.st_' || 'ps_day'::regclass::oid)) AS has_all FROM pgtrickle.pgt_heaps WHERE of_relid = 'ps_day'::regclass AND kind = 'storage';
ANALYZE ps_day;
SELECT sum(reltuples) FROM pg_class WHERE relname LIKE 'st\_' || 'ps_day'::regclass::oid || '\_p%' AND relkind = 'r';
SELECT value FROM pgtrickle.explain_st('ps_day', true) WHERE property LIKE 'rows of%';
-- names_and_owner_are_followed
ALTER FOREIGN TABLE ps_day RENAME COLUMN at TO "At";
SELECT option_value FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'ps_day'::regclass)) WHERE option_name = 'partition_by';
CREATE ROLE ps_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO ps_owner;
GRANT CREATE, USAGE ON SCHEMA public TO ps_owner;
GRANT SELECT, TRIGGER ON ps_event TO ps_owner;
ALTER FOREIGN TABLE ps_day OWNER TO ps_owner;
INSERT INTO ps_event VALUES (501, '2029-01-01', 'west', 5);
SELECT pgtrickle.refresh_stream_table('ps_day');
SELECT DISTINCT relowner::regrole, has_table_privilege('ps_owner', oid, 'SELECT') AS is_readable FROM pg_class
  WHERE relname LIKE 'st\_' || 'ps_day'::regclass::oid || '%' AND relkind IN ('r', 'p', 'i', 'I');
SELECT * FROM test.differences('ps_day', 'SELECT * FROM ps_event');
-- no_role_reaches_a_partition
SELECT format('pg_trickle_storage.st_%s_p1', 'ps_day'::regclass::oid) AS part, format('pg_trickle_storage.st_%s', 'ps_day'::regclass::oid) AS heap \gset
\set VERBOSITY terse
SET ROLE ps_owner;
TABLE :part;
\set VERBOSITY default
DROP TABLE :part;
ALTER TABLE :heap DETACH PARTITION :part;
SELECT pgtrickle.drop_partition('ps_day', 'any');
RESET ROLE;
\set VERBOSITY sqlstate
DROP TABLE :part;
\set VERBOSITY default
-- it_is_added_changed_and_removed
ALTER FOREIGN TABLE ps_day OPTIONS (SET partition_by 'HASH (id, 2)');
SELECT count(*), sum(rows) FROM ps_partitions('ps_day');
SELECT pgtrickle.alter_stream_table('ps_day', partition_by => 'none');
SELECT count(*) FROM ps_partitions('ps_day');
ALTER FOREIGN TABLE ps_day OPTIONS (SET partition_by 'year("At")');
SELECT * FROM ps_partitions('ps_day');
ALTER FOREIGN TABLE ps_day OPTIONS (DROP partition_by);
SELECT * FROM test.differences('ps_day', 'SELECT * FROM ps_event');
SELECT pgtrickle.refresh_stream_table('ps_list'), pgtrickle.repair_stream_table('ps_list');
-- columns_and_expressions_are_judged_at_creation
\set VERBOSITY default
CREATE FUNCTION ps_refusal(partition_by text, query text DEFAULT 'SELECT id, at, region, n, n::numeric AS x, point(n, n) AS p FROM ps_event')
  RETURNS TABLE (state text, message text, detail text) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pgtrickle.create_stream_table('ps_bad', query, '520w', partition_by => partition_by);
    DROP FOREIGN TABLE ps_bad;
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN NEXT;
  END $$;
SELECT r.* FROM unnest(ARRAY['', 'region', 'week(at)', 'day at', 'day(at', 'day(at) x', 'day(at + 1)', 'RANGE (id)', 'RANGE (id, 0)', 'RANGE (id, 1.5)',
    'RANGE (id, 99999999999999999999)', 'LIST (region)', 'LIST (region, x)', 'LIST (region, ''x)', 'HASH (id)', 'HASH (id, 501)', 'HASH (3)',
    'HASH (id, id, 3)']) b, ps_refusal(b) r;
SELECT r.* FROM unnest(ARRAY['day(nosuch)', 'day(region)', 'day(pgt_hash)', 'hour(id)', 'RANGE (at, 5)', 'RANGE (x, 5)', 'RANGE (id, 9999999999)', 'LIST (id, ''x'')',
    'LIST (p, ''(0,0)'')', 'HASH (p, 2)', 'LIST (region, ''a'', ''a'')']) b, ps_refusal(b) r;
SELECT * FROM ps_refusal('RANGE (count, 5)', 'SELECT region, count(*) FROM ps_event GROUP BY region');
CREATE TYPE ps_pair AS (a int, b int);
SELECT * FROM ps_refusal('HASH (c, 2)', 'SELECT (id, n)::ps_pair AS c FROM ps_event');
CREATE FOREIGN TABLE ps_bad () SERVER pgtrickle OPTIONS (query 'SELECT id FROM ps_event', partition_by 'day(id)');
ALTER FOREIGN TABLE ps_list OPTIONS (SET partition_by 'LIST (count, 1)');
SELECT * FROM test.differences('ps_list');
-- nothing_is_left
DROP TABLE ps_event CASCADE;
SELECT count(*) FROM pg_class WHERE relnamespace = 'pg_trickle_storage'::regnamespace AND (relispartition OR relkind IN ('p', 'I'));
