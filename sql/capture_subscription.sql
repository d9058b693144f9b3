-- A subscription's worker fires no statement triggers: what it writes to cannot be a source.
SET client_min_messages = warning;
CREATE SCHEMA subscribed;
SET search_path = subscribed;
CREATE TABLE target (id int PRIMARY KEY, val int);
CREATE TABLE source (id int PRIMARY KEY, val int);
CREATE TABLE sheet (id int, val int) PARTITION BY RANGE (id);
CREATE TABLE sheet_1 PARTITION OF sheet FOR VALUES FROM (0) TO (100);
CREATE SUBSCRIPTION subscribed CONNECTION 'dbname=nowhere' PUBLICATION nothing
  WITH (connect = false, slot_name = NONE, enabled = false);
-- What the subscription learns when it connects.
SET allow_system_table_mods = on;
CREATE FUNCTION subscribe(relation regclass) RETURNS void LANGUAGE sql AS
  'INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) SELECT oid, relation, ''i'' FROM pg_subscription';
SELECT subscribe('target'), subscribe('sheet_1');

-- a_table_that_is_written_by_replication_is_refused
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, val FROM target');
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, val FROM target', refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, val FROM sheet');

-- a_source_that_becomes_one_fails_loudly_and_keeps_its_last_rows
INSERT INTO source VALUES (1, 1);
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, val FROM source', '1h');
SELECT subscribe('source');
ALTER SUBSCRIPTION subscribed SET (synchronous_commit = off);
SELECT pgtrickle.refresh_stream_table('kept');
TABLE kept;

-- it_heals_when_the_subscription_has_gone
DROP SUBSCRIPTION subscribed;
INSERT INTO source VALUES (2, 2);
SELECT pgtrickle.refresh_stream_table('kept');
TABLE kept ORDER BY id;

DROP SCHEMA subscribed CASCADE;
