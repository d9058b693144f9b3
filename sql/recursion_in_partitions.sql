-- The rows of a recursion whose storage is partitioned: partitions share the addresses of rows.
SET client_min_messages = warning;
CREATE SCHEMA recursion_in_partitions;
SET search_path = recursion_in_partitions, public;
CREATE TABLE base (v int);
CREATE TABLE link (a int, b int);
CREATE INDEX ON link (a);
INSERT INTO base VALUES (1), (1), (2), (3);
INSERT INTO link VALUES (1, 5), (5, 6), (6, 7);
CREATE TABLE definition (name text, query text);
INSERT INTO definition SELECT 'all_' || n, 'WITH RECURSIVE w AS (SELECT v FROM base UNION ALL SELECT l.b FROM w JOIN link l ON l.a = w.v) SELECT v FROM w' FROM generate_series(1, 3) n;
INSERT INTO definition SELECT 'distinct_' || n, 'WITH RECURSIVE w AS (SELECT v FROM base UNION SELECT l.b FROM w JOIN link l ON l.a = w.v) SELECT v FROM w' FROM generate_series(1, 3) n;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL', partition_by => by) FROM definition
  JOIN (VALUES (1, 'LIST (v, 1)'), (2, 'HASH (v, 3)'), (3, NULL)) p (n, by) ON name LIKE '%' || n \g /dev/null
-- copies_of_rows_of_other_partitions_go
DELETE FROM base WHERE v IN (2, 3);
SELECT * FROM test.wrong('definition');
SELECT v, count(*) FROM all_1 GROUP BY v ORDER BY v;
-- some_of_the_copies_go, and_come_again
DELETE FROM base WHERE ctid = (SELECT min(ctid) FROM base);
SELECT * FROM test.wrong('definition');
INSERT INTO base VALUES (1), (5), (2); INSERT INTO link VALUES (7, 8), (2, 5);
SELECT * FROM test.wrong('definition');
UPDATE link SET b = 9 WHERE a = 5;
SELECT * FROM test.wrong('definition');
DELETE FROM link WHERE a = 1; UPDATE base SET v = 6 WHERE v = 5;
SELECT * FROM test.wrong('definition');

DROP SCHEMA recursion_in_partitions CASCADE;
