-- While a source is gated, no stream table computed from it is refreshed by any process.
SET client_min_messages = notice;
SET pg_trickle.max_staleness = '1h';
CREATE TABLE gt_orders (id int PRIMARY KEY, amount int);
CREATE TABLE gt_other (id int PRIMARY KEY);
INSERT INTO gt_orders VALUES (1, 10);
INSERT INTO gt_other VALUES (1);
SELECT pgtrickle.create_stream_table('gt_rows', 'SELECT id, amount FROM gt_orders', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('gt_total', 'SELECT sum(amount) AS total FROM gt_rows', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('gt_count', 'SELECT count(*) AS n FROM gt_other', '520w') \g /dev/null

-- gated: also stream tables that read the source indirectly, but no others
SELECT pgtrickle.gate_source('gt_orders') \g /dev/null
SELECT schema_name, source_table, gated, gated_at IS NOT NULL AS has_time, ungated_at, gated_by = current_user AS by_me FROM pgtrickle.source_gates();
SELECT pgt_name, hold, reason, culprit, since IS NOT NULL AS has_since, by_role = current_user AS by_me FROM pgtrickle.holds() ORDER BY pgt_name;
INSERT INTO gt_orders VALUES (2, 20);
INSERT INTO gt_other VALUES (2);
SELECT pgtrickle.refresh_stream_table('gt_rows');
SELECT pgtrickle.refresh_stream_table('gt_total');
SELECT pgtrickle.refresh_stream_table('gt_count') \g /dev/null
SELECT (SELECT count(*) FROM gt_rows) AS rows, (SELECT total FROM gt_total) AS total, (SELECT n FROM gt_count) AS other;
-- a_second_time
SELECT pgtrickle.gate_source('public.gt_orders') \g /dev/null

-- read_in_the_transaction_that_writes: it would be refreshed there
BEGIN;
SET LOCAL pg_trickle.max_staleness = 0;
INSERT INTO gt_orders VALUES (3, 30);
SELECT count(*) FROM gt_rows;
ROLLBACK;

-- created_meanwhile: defined, and filled when the gate opens
SELECT pgtrickle.create_stream_table('gt_new', 'SELECT max(amount) AS most FROM gt_orders', '520w') \g /dev/null
SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'gt_new';
-- an_upstream_without_rows: the dependent does not look empty
SELECT pgtrickle.create_stream_table('gt_newer', 'SELECT most FROM gt_new', '520w') \g /dev/null
SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'gt_newer';

-- rolled_back
BEGIN;
SELECT pgtrickle.ungate_source('gt_orders') \g /dev/null
SELECT pgtrickle.refresh_stream_table('gt_total') \g /dev/null
SELECT total FROM gt_total;
ROLLBACK;
SELECT total FROM gt_total;
SELECT count(*) FILTER (WHERE gated) AS gated, count(*) FILTER (WHERE ungated_at >= gated_at) AS opened FROM pgtrickle.source_gates();

-- ungated
SELECT pgtrickle.ungate_source('gt_orders') \g /dev/null
SELECT pgtrickle.ungate_source('gt_orders') \g /dev/null
SELECT pgtrickle.refresh_stream_table('gt_total') \g /dev/null
SELECT pgtrickle.refresh_stream_table('gt_newer') \g /dev/null
SELECT (SELECT count(*) FROM gt_rows) AS rows, (SELECT total FROM gt_total) AS total, (SELECT most FROM gt_newer) AS most;
SELECT count(*) FROM pgtrickle.holds();

-- altered behind a gate: readers keep the rows
CREATE TABLE gt_altered_t (v int);
INSERT INTO gt_altered_t VALUES (1);
SELECT pgtrickle.create_stream_table('gt_altered', 'SELECT v FROM gt_altered_t', '520w') \g /dev/null
SELECT pgtrickle.gate_source('gt_altered_t') \g /dev/null
SELECT pgtrickle.alter_stream_table('gt_altered', query => 'SELECT v + 1 AS v FROM gt_altered_t') \g /dev/null
SELECT pgtrickle.alter_stream_table('gt_altered', refresh_mode => 'FULL') \g /dev/null
BEGIN ISOLATION LEVEL REPEATABLE READ;
ALTER FOREIGN TABLE gt_altered OPTIONS (SET query 'SELECT v + 1 AS v FROM gt_altered_t');
ROLLBACK;
SELECT * FROM gt_altered;
-- one that has no rows to lose is altered
SELECT pgtrickle.create_stream_table('gt_unfilled', 'SELECT v FROM gt_altered_t', '520w') \g /dev/null
SELECT pgtrickle.alter_stream_table('gt_unfilled', query => 'SELECT v + 1 AS v FROM gt_altered_t') \g /dev/null
SELECT * FROM gt_unfilled;
SELECT pgtrickle.ungate_source('gt_altered_t') \g /dev/null
SELECT * FROM gt_unfilled;
SELECT pgtrickle.alter_stream_table('gt_altered', query => 'SELECT v + 1 AS v FROM gt_altered_t') \g /dev/null
SELECT * FROM gt_altered;
DROP TABLE gt_altered_t CASCADE;

-- partitions: a gate on one holds the stream tables that read the partitioned table
CREATE TABLE gt_parts (k int, v int) PARTITION BY LIST (k);
CREATE TABLE gt_part_1 PARTITION OF gt_parts FOR VALUES IN (1);
CREATE TABLE gt_part_2 PARTITION OF gt_parts FOR VALUES IN (2);
SELECT pgtrickle.create_stream_table('gt_whole', 'SELECT sum(v) AS v FROM gt_parts', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('gt_one', 'SELECT sum(v) AS v FROM gt_part_1', '520w') \g /dev/null
SELECT pgtrickle.gate_source('gt_part_2') \g /dev/null
SELECT pgt_name, reason FROM pgtrickle.holds() ORDER BY pgt_name;
SELECT pgtrickle.gate_source('gt_parts') \g /dev/null
SELECT pgt_name, reason FROM pgtrickle.holds() ORDER BY pgt_name;

-- a_dropped_source_is_no_longer_gated; a rename is followed
ALTER TABLE gt_part_2 RENAME TO gt_part_two;
SELECT source_table FROM pgtrickle.source_gates() WHERE gated ORDER BY 1;
DROP TABLE gt_parts CASCADE;
SELECT count(*) FILTER (WHERE gated) AS gated, count(*) FILTER (WHERE ungated_at >= gated_at) AS opened FROM pgtrickle.source_gates();

-- privileges: the owner of the source
CREATE ROLE gt_stranger;
SET ROLE gt_stranger;
SELECT pgtrickle.gate_source('gt_orders');
SELECT count(*) FILTER (WHERE gated) AS gated, count(*) FILTER (WHERE ungated_at >= gated_at) AS opened FROM pgtrickle.source_gates();
RESET ROLE;
-- bad_input
SELECT pgtrickle.gate_source('gt_missing');
SELECT pgtrickle.gate_source(NULL);
CREATE VIEW gt_view AS SELECT * FROM gt_orders;
SELECT pgtrickle.gate_source('gt_view');
DROP VIEW gt_view;
SELECT pgtrickle.drop_stream_table(name, true) FROM unnest(ARRAY['gt_rows', 'gt_count', 'gt_new']) name \g /dev/null
DROP TABLE gt_orders, gt_other;
DROP ROLE gt_stranger;
