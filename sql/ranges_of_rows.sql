-- Ranges and multiranges of rows, whose fields are compressed in a table and are not in a change log: each is found again.
SET client_min_messages = warning;
CREATE SCHEMA ranges_of_rows;
SET search_path = ranges_of_rows, public;
CREATE TYPE pair AS (x text, i int);
CREATE TYPE pairs AS RANGE (subtype = pair, multirange_type_name = many_pairs);
CREATE DOMAIN some_pairs AS pairs;
CREATE TYPE around AS (p some_pairs, l many_pairs[]);
CREATE TABLE t (k int, i int, x text);
INSERT INTO t SELECT i % 3, i, repeat('a', 5000) FROM generate_series(1, 300) i;
-- the_table_has_compressed_values
SELECT max(pg_column_size(x)) < 1000 AS is_compressed FROM t;
CREATE TABLE definition (name text, query text);
INSERT INTO definition VALUES
  ('ranges', 'SELECT i, pairs(ROW(x, i)::pair, ROW(x, i + 1)::pair) AS v FROM t'),
  ('infinite', 'SELECT i, pairs(CASE WHEN k > 0 THEN ROW(x, i)::pair END, CASE WHEN k < 2 THEN ROW(x, i)::pair END, ''(]'') AS v FROM t'),
  ('multiranges', 'SELECT i, many_pairs(pairs(ROW(x, i)::pair, ROW(x, i + 1)::pair), pairs(ROW(x, i + 2)::pair, NULL)) AS v FROM t'),
  ('domains', 'SELECT pairs(ROW(x, i)::pair, ROW(x, i + 1)::pair)::some_pairs AS v FROM t'),
  ('nested', 'SELECT ROW(pairs(ROW(x, i)::pair, ROW(x, i)::pair, ''[]''), ARRAY[many_pairs(pairs(ROW(x, i)::pair, NULL))])::around AS v FROM t'),
  ('empty', 'SELECT DISTINCT pairs(ROW(x, k)::pair, ROW(x, k)::pair) AS v FROM t'),
  ('distinct_ranges', 'SELECT DISTINCT k, pairs(ROW(x, k)::pair, ROW(x, k + 1)::pair) AS v FROM t');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
-- stored_values_are_found_when_they_are_removed
DELETE FROM t WHERE i % 7 = 1;
UPDATE t SET i = i + 1000 WHERE i % 7 = 2;
SELECT * FROM test.wrong('definition');
SELECT count(*) AS rewritten FROM pgtrickle.get_refresh_history('ranges', 10) WHERE action <> 'DIFFERENTIAL';

DROP SCHEMA ranges_of_rows CASCADE;
