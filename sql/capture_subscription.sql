-- The worker of a subscription fires row triggers only, so its target tables get row triggers. (In tests/capture/subscription.py
-- a real subscription writes.)
SET client_min_messages = warning;
CREATE SCHEMA subscribed;
SET search_path = subscribed;
CREATE TABLE target (id int PRIMARY KEY, val int);
CREATE TABLE source (id int PRIMARY KEY, val int);
CREATE TABLE unnoticed (id int);
CREATE TABLE sheet (id int, val int) PARTITION BY RANGE (id);
CREATE TABLE sheet_1 PARTITION OF sheet FOR VALUES FROM (0) TO (100);
SET client_min_messages = error;
CREATE SUBSCRIPTION subscribed CONNECTION 'dbname=nowhere' PUBLICATION nothing
  WITH (connect = false, slot_name = NONE, enabled = false);
SET client_min_messages = warning;
-- Adds the row that the subscription adds when it connects.
SET allow_system_table_mods = on;
CREATE FUNCTION subscribe(relation regclass) RETURNS void LANGUAGE sql AS
  'INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) SELECT oid, relation, ''i'' FROM pg_subscription';
CREATE FUNCTION row_triggers() RETURNS TABLE (relation regclass) LANGUAGE sql AS
  $$ SELECT tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'pg_trickle_row%' AND tgenabled = 'A' ORDER BY tgrelid::regclass::text COLLATE "C" $$;
SELECT subscribe('target'), subscribe('sheet');

-- target_tables_of_a_subscription_get_row_triggers, their partitions too
SELECT pgtrickle.create_stream_table('of_target', 'SELECT id, val FROM target', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_sheet', 'SELECT id, val FROM sheet', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_source', 'SELECT id, val FROM source', '520w', 'DIFFERENTIAL');
SELECT * FROM row_triggers();

-- a_local_statement_is_nevertheless_captured_once
INSERT INTO target VALUES (1, 1), (2, 2);
UPDATE target SET val = 3 WHERE id = 2;
INSERT INTO sheet VALUES (1, 1);
DELETE FROM sheet_1;
INSERT INTO sheet_1 VALUES (2, 2);
SELECT pgtrickle.refresh_stream_table('of_target'), pgtrickle.refresh_stream_table('of_sheet');
TABLE of_target ORDER BY id;
TABLE of_sheet ORDER BY id;

-- a_source_that_becomes_a_target, and_a_partition_created_later
BEGIN;
SELECT subscribe('source');
ALTER SUBSCRIPTION subscribed SET (synchronous_commit = off);
COMMIT;
CREATE TABLE sheet_2 PARTITION OF sheet FOR VALUES FROM (100) TO (200);
SELECT * FROM row_triggers();

-- a_target_that_went_unnoticed: the_next_refresh_starts_over
SELECT pgtrickle.create_stream_table('of_unnoticed', 'SELECT id FROM unnoticed', '520w', 'DIFFERENTIAL');
SELECT subscribe('unnoticed');
SELECT pgtrickle.refresh_stream_table('of_unnoticed');
SELECT action FROM pgtrickle.get_refresh_history('of_unnoticed', 1);
SELECT * FROM row_triggers();

DROP SUBSCRIPTION subscribed;
DROP SCHEMA subscribed CASCADE;
