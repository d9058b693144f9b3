-- repair_stream_table: damaged parts are restored, and the rows are compared with the query.
SET client_min_messages = warning;
SET pg_trickle.max_staleness = '1h';
SET allow_system_table_mods = on;
CREATE TABLE rp_items (id int PRIMARY KEY, v int);
INSERT INTO rp_items VALUES (1, 10), (2, 20);
SELECT pgtrickle.create_stream_table('rp_rows', 'SELECT id, v FROM rp_items', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('rp_sum', 'SELECT sum(v) AS v FROM rp_rows', '520w') \g /dev/null
-- sound
SELECT pgtrickle.repair_stream_table('rp_rows');
-- rows_that_are_wrong
DO $$ BEGIN EXECUTE format('DELETE FROM pg_trickle_storage.st_%s WHERE id = 1', 'rp_rows'::regclass::oid); END $$;
SELECT * FROM rp_rows;
SELECT pgtrickle.repair_stream_table('rp_rows');
SELECT * FROM rp_rows ORDER BY id;
-- rows_are_left_to_the_manager_in_repeatable_read
DO $$ BEGIN EXECUTE format('DELETE FROM pg_trickle_storage.st_%s WHERE id = 1', 'rp_rows'::regclass::oid); END $$;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pgtrickle.repair_stream_table('rp_rows');
COMMIT;
SELECT pgtrickle.wait_until_fresh('rp_rows', '30s');
SELECT * FROM rp_rows ORDER BY id;
SELECT pgtrickle.refresh_stream_table('rp_sum') \g /dev/null
SELECT v FROM rp_sum;
-- disabled_triggers
ALTER TABLE rp_items DISABLE TRIGGER ALL;
INSERT INTO rp_items VALUES (3, 30);
SELECT pgtrickle.repair_stream_table('rp_rows') ~ '^Damage found: for source public.rp_items, .*: 1 inserted or deleted\.$' AS is_repaired;
INSERT INTO rp_items VALUES (4, 40);
SELECT pgtrickle.refresh_stream_table('rp_sum') \g /dev/null
SELECT (SELECT count(*) FROM rp_rows) AS rows, v FROM rp_sum;
-- lost_state
DELETE FROM pgtrickle.pgt_state WHERE relid = 'rp_rows'::regclass;
SELECT pgtrickle.repair_stream_table('rp_rows');
INSERT INTO rp_items VALUES (5, 50);
SELECT pgtrickle.refresh_stream_table('rp_sum') \g /dev/null
SELECT (SELECT count(*) FROM rp_rows) AS rows, v FROM rp_sum;
-- suspended, and gated
SELECT pgtrickle.alter_stream_table('rp_sum', status => 'SUSPENDED') \g /dev/null
SELECT pgtrickle.repair_stream_table('rp_sum');
SELECT pgtrickle.gate_source('rp_items') \g /dev/null
SELECT pgtrickle.repair_stream_table('rp_rows');
-- privileges: its owner
CREATE ROLE rp_stranger;
SET ROLE rp_stranger;
SELECT pgtrickle.repair_stream_table('rp_rows');
RESET ROLE;
DROP ROLE rp_stranger;
SELECT pgtrickle.repair_stream_table('rp_items');
SELECT pgtrickle.repair_stream_table(NULL);
SELECT pgtrickle.drop_stream_table('rp_rows', true) \g /dev/null
DROP TABLE rp_items;
