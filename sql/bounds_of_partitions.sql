-- A stream table that is a partition has no row outside of its bound.
SET client_min_messages = warning;
CREATE SCHEMA bounds_of_partitions;
SET search_path = bounds_of_partitions;
CREATE TABLE item (id int PRIMARY KEY, kind text, n int);
INSERT INTO item SELECT i, chr(97 + i % 3), i FROM generate_series(1, 30) i;
CREATE TABLE parts (kind text, n bigint) PARTITION BY LIST (kind);
SELECT pgtrickle.create_stream_table('of_all', 'SELECT kind, sum(n) AS n FROM item GROUP BY kind', '520w');
SELECT pgtrickle.create_stream_table('of_c', 'SELECT kind, n::bigint AS n FROM item WHERE kind = ''c''', '520w');
SELECT pgtrickle.create_stream_table('of_high', 'SELECT kind, n::bigint AS n FROM item WHERE n > 29', '520w');
ALTER FOREIGN TABLE of_all ALTER n TYPE bigint;
-- rows_outside_are_found_when_it_is_attached
ALTER TABLE parts ATTACH PARTITION of_all FOR VALUES IN ('a', 'b');
ALTER TABLE parts ATTACH PARTITION of_c FOR VALUES IN ('c');
SELECT count(*) FROM parts WHERE kind = 'c';
-- also_as_a_part_of_a_part
CREATE TABLE sub (kind text, n bigint) PARTITION BY RANGE (n);
ALTER TABLE sub ATTACH PARTITION of_high FOR VALUES FROM (0) TO (100);
ALTER TABLE parts ATTACH PARTITION sub FOR VALUES IN ('b');
ALTER TABLE parts ATTACH PARTITION sub FOR VALUES IN ('a');
-- and_by_each_refresh
INSERT INTO item VALUES (31, 'a', 31);
SELECT pgtrickle.refresh_stream_table('of_high');
INSERT INTO item VALUES (32, 'b', 32), (33, 'c', 33);
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('of_high');
SELECT pgtrickle.refresh_stream_table('of_c');
\set VERBOSITY default
SELECT count(*) FILTER (WHERE kind = 'a') AS a, count(*) FILTER (WHERE kind = 'b') AS b, count(*) FILTER (WHERE kind = 'c') AS c FROM parts;
UPDATE item SET kind = 'a' WHERE id = 32;
DELETE FROM item WHERE id = 33;
SELECT pgtrickle.refresh_stream_table('of_high');
SELECT count(*) FROM parts WHERE kind = 'a';
-- also_by_another_query
ALTER FOREIGN TABLE of_c OPTIONS (SET query 'SELECT kind, n::bigint AS n FROM item');
SELECT pgtrickle.create_or_replace_stream_table('of_c', 'SELECT kind, n + 1::bigint AS n FROM item WHERE kind > ''b''', '520w');
SELECT pgtrickle.create_or_replace_stream_table('of_c', 'SELECT kind, n + 1::bigint AS n FROM item WHERE kind > ''a''', '520w');
-- the_default_partition_loses_what_another_takes
ALTER TABLE parts DETACH PARTITION sub;
ALTER TABLE parts ATTACH PARTITION of_all DEFAULT;
ALTER TABLE parts DETACH PARTITION of_c;
ALTER TABLE parts ATTACH PARTITION of_all DEFAULT;
CREATE TABLE part_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE part_d PARTITION OF parts FOR VALUES IN ('d');
ALTER TABLE parts ATTACH PARTITION of_c FOR VALUES IN ('c');
INSERT INTO item VALUES (34, 'd', 34);
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('of_all');
-- and_where_the_new_partition_is_a_foreign_table
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE TABLE parts_by_kind (kind text, n int) PARTITION BY LIST (kind);
SELECT pgtrickle.create_stream_table('by_default', 'SELECT kind, n FROM item', '520w');
ALTER TABLE parts_by_kind ATTACH PARTITION by_default DEFAULT;
CREATE FOREIGN TABLE part_a PARTITION OF parts_by_kind FOR VALUES IN ('a') SERVER files OPTIONS (filename '/dev/null', format 'csv');
CREATE FOREIGN TABLE part_z PARTITION OF parts_by_kind FOR VALUES IN ('zz') SERVER files OPTIONS (filename '/dev/null', format 'csv');
SELECT count(*) > 0 FROM parts_by_kind WHERE kind = 'a';
DROP TABLE parts_by_kind;
DROP EXTENSION file_fdw CASCADE;
-- and_by_each_exact_read_that_would_return_one
SET pg_trickle.read_mode = exact;
SELECT count(*) FROM parts;
SELECT count(n) FROM parts;
SELECT count(*) FROM of_all;
SELECT count(*) FROM parts WHERE kind = 'a';
CREATE TABLE by_n (kind text, n bigint) PARTITION BY RANGE (n);
SELECT pgtrickle.create_stream_table('few', 'SELECT kind, count(*) AS n FROM item GROUP BY kind', '520w');
ALTER TABLE by_n ATTACH PARTITION few FOR VALUES FROM (1) TO (15);
INSERT INTO item SELECT i, 'a', 0 FROM generate_series(50, 60) i;
SELECT kind FROM by_n ORDER BY kind;
SELECT n FROM by_n WHERE kind = 'b';
DROP TABLE by_n;
DELETE FROM item WHERE id >= 50;
RESET pg_trickle.read_mode;
-- a_detached_one_has_no_bound
ALTER TABLE parts DETACH PARTITION of_all;
SELECT pgtrickle.refresh_stream_table('of_all');
SELECT kind FROM of_all ORDER BY kind;
DROP SCHEMA bounds_of_partitions CASCADE;
