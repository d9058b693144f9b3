-- Unlogged tables are sources like others; tests/crash/unlogged.py tests the effects of a crash.
SET client_min_messages = warning;
CREATE SCHEMA source_unlogged;
SET search_path = source_unlogged;
CREATE UNLOGGED TABLE fleeting (id int, v int);
CREATE TABLE sheets (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE sheet_1 PARTITION OF sheets FOR VALUES FROM (0) TO (100);
CREATE UNLOGGED TABLE sheet_2 PARTITION OF sheets FOR VALUES FROM (100) TO (200);
SELECT pgtrickle.create_stream_table('sums', 'SELECT v, sum(id) AS n FROM fleeting GROUP BY v', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_sheets', 'SELECT id, v FROM sheets', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('fully', 'SELECT max(id) AS m FROM fleeting', '520w', 'FULL');
INSERT INTO fleeting SELECT i, i % 3 FROM generate_series(1, 10) i;
INSERT INTO sheets SELECT i, i % 3 FROM generate_series(50, 150, 25) i;
SELECT pgtrickle.refresh_stream_table(st) FROM unnest(ARRAY['sums', 'of_sheets', 'fully']) st \g /dev/null
TABLE sums ORDER BY 1;
TABLE of_sheets ORDER BY 1;
TABLE fully;
SELECT st, action FROM unnest(ARRAY['sums', 'of_sheets', 'fully']) st, LATERAL pgtrickle.get_refresh_history(st, 1) ORDER BY st;

-- the_witness_missing, as_after_a_crash: each_stream_table_starts_over_once
DELETE FROM pgtrickle.pgt_unlogged_sentinel;
SELECT pgtrickle.refresh_stream_table(st) FROM unnest(ARRAY['sums', 'of_sheets', 'fully']) st \g /dev/null
SELECT st, action FROM unnest(ARRAY['sums', 'of_sheets', 'fully']) st, LATERAL pgtrickle.get_refresh_history(st, 1) ORDER BY st;
INSERT INTO fleeting VALUES (11, 2);
SELECT pgtrickle.refresh_stream_table(st) FROM unnest(ARRAY['sums', 'of_sheets', 'fully']) st \g /dev/null
SELECT st, action FROM unnest(ARRAY['sums', 'of_sheets', 'fully']) st, LATERAL pgtrickle.get_refresh_history(st, 1) ORDER BY st;
TABLE sums ORDER BY 1;

-- a_stream_table_created_in_between_does_not_hide_the_crash_from_the_others
DELETE FROM pgtrickle.pgt_unlogged_sentinel;
SELECT pgtrickle.create_stream_table('later', 'SELECT id FROM fleeting WHERE v = 2', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.refresh_stream_table('sums');
SELECT action FROM pgtrickle.get_refresh_history('sums', 1);

-- a_table_that_becomes_unlogged, or_logged
ALTER TABLE sheet_1 SET UNLOGGED;
ALTER TABLE fleeting SET LOGGED;
INSERT INTO fleeting VALUES (12, 2);
INSERT INTO sheets VALUES (1, 1);
SELECT pgtrickle.refresh_stream_table(st) FROM unnest(ARRAY['sums', 'of_sheets', 'later']) st \g /dev/null
TABLE sums ORDER BY 1;
TABLE of_sheets ORDER BY 1;
TABLE later ORDER BY 1;

-- the_witness_is_dropped_with_its_source
DROP SCHEMA source_unlogged CASCADE;
SELECT count(*) FROM pgtrickle.pgt_unlogged_sentinel w WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = w.relid);
