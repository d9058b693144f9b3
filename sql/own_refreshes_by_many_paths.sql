-- A transaction that has refreshed layers of stream tables, each of which reads the three of the layer before it, looks
-- at its own refresh of each of them once, not once for each of the 3^13 paths, which would take minutes.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA own_refreshes_by_many_paths;
SET search_path = own_refreshes_by_many_paths;
CREATE TABLE item_0 (id int PRIMARY KEY);
CREATE TABLE item_1 (LIKE item_0 INCLUDING ALL);
CREATE TABLE item_2 (LIKE item_0 INCLUDING ALL);
INSERT INTO item_0 SELECT 3 * g FROM generate_series(1, 5) g;
INSERT INTO item_1 SELECT 3 * g + 1 FROM generate_series(1, 5) g;
SELECT count(pgtrickle.create_stream_table(format('layer_%s_%s', made / 3, made % 3),
           (SELECT string_agg(format('SELECT id FROM %s%s WHERE id %% 3 = %s',
                                     CASE WHEN made < 3 THEN 'item_' ELSE format('layer_%s_', made / 3 - 1) END,
                                     part, part), ' UNION ALL ')
            FROM generate_series(0, 2) part), schedule => '0s'))
FROM generate_series(0, 41) made;

-- after_a_refresh_in_the_transaction
BEGIN;
INSERT INTO item_2 VALUES (2);
SELECT count(*) FROM layer_13_0;
SELECT count(*) FROM layer_13_0;

-- a_change_of_the_table_is_found_behind_all_of_them
DELETE FROM item_0 WHERE id > 6;
SELECT count(*) FROM layer_13_0;
SELECT count(*) FROM layer_5_1;
ROLLBACK;
SELECT count(*) FROM layer_13_0;

-- nor_is_one_called_stale_for_its_many_paths
SELECT pgtrickle.refresh_stream_table('layer_13_0');
SELECT coalesce(pgtrickle.get_staleness('layer_13_0'), 0) = 0 AS is_current;
INSERT INTO item_2 VALUES (5);
SELECT count(*) FROM layer_13_0;

-- nor_under_a_fixed_snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM item_2;
SET LOCAL statement_timeout = '30s';
SELECT count(*) FROM layer_13_0;
ROLLBACK;

DROP SCHEMA own_refreshes_by_many_paths CASCADE;
