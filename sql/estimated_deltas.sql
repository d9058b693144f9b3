-- A statement over many changed rows is planned with the statistics of their source: a filter keeps as large a share of
-- the changed rows as of all rows, and a join with most of a table reads the table instead of looking up row by row.
SET client_min_messages = warning;
CREATE SCHEMA estimated_deltas;
SET search_path = estimated_deltas;
CREATE TABLE place (id int PRIMARY KEY, region int);
INSERT INTO place SELECT g, g % 10 FROM generate_series(1, 60000) g;
CREATE TABLE visit (id int PRIMARY KEY, place int, kind text);
INSERT INTO visit SELECT g, 1 + g * 7 % 60000, CASE WHEN g % 5000 = 0 THEN 'rare' ELSE 'usual' END FROM generate_series(1, 60000) g;
CREATE INDEX ON visit (place);
ANALYZE place, visit;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM (VALUES
  ('usual', 'SELECT p.region, count(*) AS n, sum(v.id) AS total FROM visit v JOIN place p ON p.id = v.place WHERE v.kind = ''usual'' GROUP BY p.region'),
  ('rare', 'SELECT p.region, count(*) AS n, sum(v.id) AS total FROM visit v JOIN place p ON p.id = v.place WHERE v.kind = ''rare'' GROUP BY p.region'),
  ('visits', 'SELECT id, place, kind FROM visit'),
  ('of_stream_table', 'SELECT p.region, count(*) AS n FROM visits v JOIN place p ON p.id = v.place WHERE v.kind = ''usual'' GROUP BY p.region'))
  AS t(name, query) \g /dev/null

CREATE FUNCTION look_ups() RETURNS bigint LANGUAGE sql AS $$ SELECT idx_scan FROM pg_stat_user_tables WHERE relid = 'place'::regclass $$;
CREATE FUNCTION look_ups_since(before bigint) RETURNS text LANGUAGE sql AS
$$ SELECT CASE WHEN look_ups() - before > 5000 THEN 'many' WHEN look_ups() - before > 0 THEN 'few' ELSE 'none' END $$;
UPDATE visit SET place = 1 + (place + 11) % 60000 WHERE id <= 30000;
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT look_ups() AS before \gset
SELECT pgtrickle.refresh_stream_table('usual') \g /dev/null
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT 'usual' AS name, look_ups_since(:before);
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT look_ups() AS before \gset
SELECT pgtrickle.refresh_stream_table('rare') \g /dev/null
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT 'rare' AS name, look_ups_since(:before);
SELECT pgtrickle.refresh_stream_table('visits') \g /dev/null
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT look_ups() AS before \gset
SELECT pgtrickle.refresh_stream_table('of_stream_table') \g /dev/null
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT 'of_stream_table' AS name, look_ups_since(:before);
SELECT st, d.* FROM unnest('{usual,rare,visits,of_stream_table}'::regclass[]) st, test.differences(st) d;
DROP SCHEMA estimated_deltas CASCADE;
