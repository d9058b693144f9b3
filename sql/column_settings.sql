-- SET STATISTICS, SET (n_distinct …) and SET STORAGE of a column work as on a table, and survive another storage.
SET client_min_messages = warning;
CREATE SCHEMA column_settings;
SET search_path = column_settings, public;
CREATE TABLE src (id int PRIMARY KEY, a int, t text);
INSERT INTO src SELECT g, g % 900, 't' || g FROM generate_series(1, 3000) g;
SELECT pgtrickle.create_stream_table('st', 'SELECT id, a, t FROM src', '520w', 'DIFFERENTIAL');
CREATE FUNCTION settings(name text) RETURNS TABLE (heap text, columns text) LANGUAGE sql AS $$
  SELECT regexp_replace(c.oid::regclass::text, '\d+', 'N'), string_agg(format('%s: %s %s %s', attname, coalesce(attstattarget, -1), attstorage, (SELECT array_agg(o) FROM unnest(attoptions) o WHERE o ~ 'distinct')), ', ' ORDER BY attnum)
  FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND attname !~ '^pgt_'
  WHERE c.oid = name::regclass OR c.relnamespace = 'pg_trickle_storage'::regnamespace AND c.relname ~ ('^st_' || name::regclass::oid || '(_p|$)') AND c.relkind IN ('r', 'p') GROUP BY c.oid ORDER BY 1 $$;
-- settings_of_columns
ALTER FOREIGN TABLE st ALTER COLUMN a SET STATISTICS 7, ALTER COLUMN t SET STORAGE EXTERNAL;
ALTER FOREIGN TABLE st ALTER a SET (n_distinct = 33);
SELECT * FROM settings('st');
ANALYZE st;
SELECT n_distinct, array_length(most_common_vals, 1) <= 7 AS has_few FROM pg_stats WHERE schemaname = 'pg_trickle_storage' AND tablename = 'st_' || 'st'::regclass::oid AND attname = 'a';
-- the_storage_is_another
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, a, t, 5 AS more FROM src');
SELECT * FROM settings('st');
SELECT n_distinct, array_length(most_common_vals, 1) <= 7 AS has_few FROM pg_stats WHERE schemaname = 'pg_trickle_storage' AND tablename = 'st_' || 'st'::regclass::oid AND attname = 'a';
SELECT pgtrickle.alter_stream_table('st', partition_by => 'RANGE (id, 1000)');
SELECT pgtrickle.refresh_stream_table('st');
INSERT INTO src VALUES (50000, 1, 'new range');
SELECT pgtrickle.refresh_stream_table('st');
SELECT count(*) > 4 AS several, count(DISTINCT columns) AS kinds, min(columns) FROM settings('st');
SELECT pgtrickle.alter_stream_table('st', partition_by => 'none');
ALTER FOREIGN TABLE st ALTER a RESET (n_distinct), ALTER a SET STATISTICS -1;
SELECT * FROM settings('st');
-- by_a_parent
CREATE TABLE parent (id int, a int, t text, more int);
ALTER FOREIGN TABLE st INHERIT parent;
ALTER TABLE parent ALTER a SET STATISTICS 12;
SELECT columns FROM settings('st');
ALTER FOREIGN TABLE st NO INHERIT parent;
-- only_by_the_owner
CREATE ROLE column_settings_other;
GRANT USAGE ON SCHEMA column_settings TO column_settings_other;
SET ROLE column_settings_other;
ALTER FOREIGN TABLE st ALTER a SET STATISTICS 3;
RESET ROLE;
-- columns_without_statistics_are_no_reason_to_analyze
CREATE TABLE grown (id int PRIMARY KEY, a int, t text);
SELECT pgtrickle.create_stream_table('unsampled', 'SELECT id, a, t FROM grown', '520w', 'DIFFERENTIAL');
ALTER FOREIGN TABLE unsampled ALTER t SET STATISTICS 0;
SELECT pgtrickle.create_stream_table('none_sampled', 'SELECT a, id FROM grown', '520w', 'DIFFERENTIAL');
ALTER FOREIGN TABLE none_sampled ALTER id SET STATISTICS 0, ALTER a SET STATISTICS 0;
INSERT INTO grown SELECT * FROM src;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{unsampled,none_sampled}'::text[]) name;
UPDATE grown SET a = 0 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{unsampled,none_sampled}'::text[]) name;
UPDATE grown SET a = 1 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{unsampled,none_sampled}'::text[]) name;
SELECT name, pg_stat_get_analyze_count(to_regclass('pg_trickle_storage.st_' || name::oid)) AS times FROM unnest('{unsampled,none_sampled}'::regclass[]) name;
-- a_new_partition_gets_them, and_no_other_is_written
BEGIN;
CREATE TABLE numbered AS SELECT g AS id, g % 7 AS n FROM generate_series(1, 60) g;
SELECT pgtrickle.create_stream_table('parted', 'SELECT id, n FROM numbered', '520w', partition_by => 'RANGE (id, 10)');
ALTER FOREIGN TABLE parted ALTER n SET (n_distinct = 7), ALTER n SET STATISTICS 33;
INSERT INTO numbered SELECT g, g % 7 FROM generate_series(61, 400) g;
COMMIT;
BEGIN;
SELECT pgtrickle.refresh_stream_table('parted');
COMMIT;
SELECT pgtrickle.refresh_stream_table('parted');
SELECT count(*) AS partitions, min(attstattarget), max(attstattarget), count(*) FILTER (WHERE 'n_distinct=7' = ANY (attoptions)) AS with_option FROM pg_inherits JOIN pg_attribute ON attrelid = inhrelid
  WHERE inhparent = ('pg_trickle_storage.st_' || 'parted'::regclass::oid)::regclass AND attname = 'n';
CREATE TABLE sparse AS SELECT g AS id, 1 AS n FROM generate_series(1, 80) g;
BEGIN;
SELECT pgtrickle.create_stream_table('many_parts', 'SELECT id, n FROM sparse', '520w', partition_by => 'RANGE (id, 1)');
SELECT n_tup_upd < 1000 AS few_updates FROM pg_stat_xact_sys_tables WHERE relname = 'pg_attribute';
COMMIT;
DROP SCHEMA column_settings CASCADE;
DROP ROLE column_settings_other;
RESET client_min_messages;
