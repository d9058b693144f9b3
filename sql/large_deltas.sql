-- Deltas that exceed maintenance_work_mem: their temporary files are removed with the refresh.
SET client_min_messages = warning;
CREATE SCHEMA large_deltas;
SET search_path = large_deltas;
CREATE TABLE item (id int PRIMARY KEY, k int, name text);
INSERT INTO item SELECT g, g % 2000, repeat('x', 1000) || g FROM generate_series(1, 4000) g;
SELECT pgtrickle.create_stream_table('large_deltas.counted', 'SELECT k, count(*) AS n, max(name) AS last FROM item GROUP BY k', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('large_deltas.joined', 'SELECT i.id, i.name, c.n FROM item i JOIN (SELECT k, count(*) AS n FROM item GROUP BY k) c ON c.k = i.k', '520w', 'DIFFERENTIAL');
SET work_mem = '64kB';
SET maintenance_work_mem = '1MB';
UPDATE item SET name = name || '!', k = (k + id) % 2000;
SELECT pgtrickle.refresh_stream_table('large_deltas.counted');
SELECT pgtrickle.refresh_stream_table('large_deltas.joined');
SELECT st, d.* FROM unnest('{counted,joined}'::regclass[]) st, test.differences(st) d;
-- nor_when_extrema_are_recomputed
DELETE FROM item WHERE id > 1000;
SELECT pgtrickle.refresh_stream_table('large_deltas.counted');
SELECT pgtrickle.refresh_stream_table('large_deltas.joined');
SELECT st, d.* FROM unnest('{counted,joined}'::regclass[]) st, test.differences(st) d;
-- nor_when_the_log_ends_in_a_marker
UPDATE item SET name = name || '?';
TRUNCATE item;
INSERT INTO item SELECT g, g % 2000, repeat('x', 1000) || g FROM generate_series(1, 4000) g;
SELECT pgtrickle.refresh_stream_table('large_deltas.counted');
SELECT pgtrickle.refresh_stream_table('large_deltas.joined');
SELECT st, d.* FROM unnest('{counted,joined}'::regclass[]) st, test.differences(st) d;
DROP SCHEMA large_deltas CASCADE;
