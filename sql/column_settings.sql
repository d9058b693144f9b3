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
DROP SCHEMA column_settings CASCADE;
DROP ROLE column_settings_other;
RESET client_min_messages;
