-- Columns of a storage that are dropped or altered by a superuser: a read raises an error, never shows the wrong column, and repair restores them.
SET client_min_messages = warning;
SET pg_trickle.max_staleness = '1h';
CREATE TABLE rc_items (id int PRIMARY KEY, g int, v int);
CREATE INDEX ON rc_items (g);
INSERT INTO rc_items VALUES (1, 1, 10), (2, 1, 20), (3, 2, 70);
SELECT pgtrickle.create_stream_table('rc_sum', 'SELECT g, sum(v) AS v FROM rc_items GROUP BY g', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('rc_full', 'SELECT g, v FROM rc_items', '520w', 'FULL') \g /dev/null
SELECT 'pg_trickle_storage.st_' || 'rc_sum'::regclass::oid AS sum, 'pg_trickle_storage.st_' || 'rc_full'::regclass::oid AS full \gset
-- columns_declared_without_the_modifiers_of_the_query
CREATE TABLE rc_typed (v varchar(10) COLLATE "C", n numeric(10,2), c char(5), a varchar(3)[], i interval(2));
INSERT INTO rc_typed VALUES ('v', 1.5, 'c', '{a}', '1s');
CREATE FOREIGN TABLE rc_loose (v varchar, n numeric, c bpchar, a varchar[], i interval)
  SERVER pgtrickle OPTIONS (query 'SELECT v, n, c, a, i FROM rc_typed', schedule '520w');
CREATE FOREIGN TABLE rc_strict (v varchar(20), n numeric(12,3), c char(7), i interval(0))
  SERVER pgtrickle OPTIONS (query 'SELECT v, n, c, i FROM rc_typed', schedule '520w', refresh_mode 'FULL');
SELECT * FROM rc_loose, rc_strict;
SELECT pgtrickle.repair_stream_table(name) FROM unnest('{rc_loose, rc_strict}'::text[]) name;
DROP TABLE rc_typed CASCADE;
-- a_declared_column_of_the_storage_dropped, a hidden one of its type does not replace it
ALTER TABLE :sum DROP COLUMN v;
SELECT g, v FROM rc_sum ORDER BY g;
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'storage';
SELECT pgtrickle.repair_stream_table('rc_sum');
SELECT g, v FROM rc_sum ORDER BY g;
-- the_whole_storage_dropped
SET allow_system_table_mods = on;
DELETE FROM pg_depend WHERE objid = :'sum'::regclass AND deptype = 'i';
DROP TABLE :sum;
ALTER TABLE :full ALTER COLUMN v TYPE bigint;
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'storage';
ALTER TABLE :full ALTER COLUMN v TYPE int;
SELECT g, v FROM rc_sum;
SELECT pgtrickle.refresh_stream_table('rc_sum');
SELECT pgtrickle.repair_stream_table('rc_sum');
SELECT g, v FROM rc_sum ORDER BY g;
-- two_columns_that_change_names
ALTER TABLE :full RENAME COLUMN g TO x; ALTER TABLE :full RENAME COLUMN v TO g; ALTER TABLE :full RENAME COLUMN x TO v;
SELECT g, v FROM rc_full ORDER BY g;
SELECT pgtrickle.repair_stream_table('rc_full');
SELECT g, v FROM rc_full ORDER BY g, v;
-- a_column_retyped
ALTER TABLE :full ALTER COLUMN v TYPE bigint;
SELECT g, v FROM rc_full ORDER BY g;
SELECT pgtrickle.repair_stream_table('rc_full');
SELECT g, v FROM rc_full ORDER BY g, v;
-- a_hidden_column_dropped, which a refresh notices
SELECT format('ALTER TABLE %s DROP COLUMN %I', :'sum', attname) AS statement FROM pg_attribute
  WHERE attrelid = :'sum'::regclass AND attname ~ '^pgt_' AND attname <> 'pgt_hash' ORDER BY attnum DESC LIMIT 1 \gset
:statement;
INSERT INTO rc_items VALUES (4, 2, 1);
SELECT pgtrickle.refresh_stream_table('rc_sum') \g /dev/null
SELECT g, v FROM rc_sum ORDER BY g;
UPDATE rc_items SET g = 3 WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('rc_sum') \g /dev/null
SELECT g, v FROM rc_sum ORDER BY g;
-- a_parent_s_column_renamed_and_retyped
CREATE TABLE rc_parent (g int, v int);
SELECT pgtrickle.create_stream_table('rc_child', 'SELECT g, v FROM rc_items', '520w') \g /dev/null
ALTER FOREIGN TABLE rc_child INHERIT rc_parent;
ALTER TABLE rc_parent RENAME COLUMN v TO value;
SELECT sum(value) FROM rc_parent;
SELECT sum(value) FROM rc_child;
SELECT pgtrickle.export_definition('rc_child') ~ 'v AS value' AS is_renamed;
ALTER TABLE rc_parent ALTER COLUMN value TYPE numeric(10,2);
SELECT sum(value) FROM rc_child;
SELECT sum(value) FROM rc_parent;
INSERT INTO rc_items VALUES (5, 5, 5);
SELECT pgtrickle.refresh_stream_table('rc_child') \g /dev/null
SELECT value FROM rc_child ORDER BY value LIMIT 2;
SELECT pgtrickle.repair_stream_table('rc_child');
-- a_partitioned_parent_s_column_stays
CREATE TABLE rc_root (g int, v int) PARTITION BY LIST (g);
SELECT pgtrickle.create_stream_table('rc_part', 'SELECT g, v FROM rc_items', '520w') \g /dev/null
ALTER TABLE rc_root ATTACH PARTITION rc_part DEFAULT;
ALTER TABLE rc_root DROP COLUMN v;
ALTER TABLE ONLY rc_root DROP COLUMN v;
ALTER TABLE rc_root DETACH PARTITION rc_part;
ALTER TABLE rc_root DROP COLUMN v;
SELECT sum(v) FROM rc_part;
DROP TABLE rc_items, rc_parent, rc_root CASCADE;
