/* pg_class has the number of rows of a stream table without an ANALYZE: it is there after the fill, and follows what
   ANALYZE finds in the storage, as after growth. */
SET client_min_messages = warning;
CREATE SCHEMA row_counts;
SET search_path = row_counts;
CREATE TABLE src (id int PRIMARY KEY, k int, pad text);
INSERT INTO src SELECT g, g % 3, repeat('x', 100) FROM generate_series(1, 40) g;
CREATE FUNCTION shown(name regclass, OUT pages boolean, OUT rows int) LANGUAGE sql AS
  'SELECT relpages > 0, round(reltuples) FROM pg_class WHERE oid = name';
SELECT pgtrickle.create_stream_table('st', 'SELECT id, k, pad FROM src', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('groups', 'SELECT k, count(*) FROM src GROUP BY k', '520w', 'FULL') \g /dev/null
SELECT pgtrickle.create_stream_table('none', 'SELECT id FROM src WHERE k > 5', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('parts', 'SELECT id, k FROM src', '520w', partition_by => 'HASH (id, 4)') \g /dev/null
SELECT name, (shown(name)).* FROM unnest('{st,groups,none,parts}'::regclass[]) name;
-- growth
INSERT INTO src SELECT g, g % 3, repeat('x', 100) FROM generate_series(41, 5000) g;
SELECT pgtrickle.refresh_stream_table('st') \g /dev/null
SELECT rows BETWEEN 4000 AND 6000 AS follows FROM shown('st');
-- a small change is none
DELETE FROM src WHERE id <= 10;
SELECT rows FROM shown('st') \gset
SELECT pgtrickle.refresh_stream_table('st') \g /dev/null
SELECT rows = :rows AS stays FROM shown('st');
-- many are deleted
DELETE FROM src WHERE id > 2000;
SELECT pgtrickle.refresh_stream_table('st') \g /dev/null
VACUUM ANALYZE st;
SELECT rows BETWEEN 1500 AND 2500 AS follows FROM shown('st');
DROP SCHEMA row_counts CASCADE;
