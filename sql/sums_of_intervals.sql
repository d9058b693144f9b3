-- A delta of many joins has rows with weights. Sums of intervals multiply by them without losing microseconds.
SET client_min_messages = warning;
CREATE SCHEMA sums_of_intervals;
SET search_path = sums_of_intervals, public;
CREATE TABLE j1 (k int, d interval);
CREATE TABLE j2 (k int); CREATE TABLE j3 (k int); CREATE TABLE j4 (k int); CREATE TABLE j5 (k int); CREATE TABLE j6 (k int);
SELECT pgtrickle.create_stream_table('sums', 'SELECT k, sum(d) AS s, avg(d) AS a, count(*) AS c
  FROM j1 JOIN j2 USING (k) JOIN j3 USING (k) JOIN j4 USING (k) JOIN j5 USING (k) JOIN j6 USING (k) GROUP BY k', '520w', 'DIFFERENTIAL');
CREATE PROCEDURE add_to_all() LANGUAGE sql AS $$
  INSERT INTO j2 VALUES (1); INSERT INTO j3 VALUES (1); INSERT INTO j4 VALUES (1); INSERT INTO j5 VALUES (1); INSERT INTO j6 VALUES (1) $$;
INSERT INTO j1 VALUES (1, '1 s');
CALL add_to_all();
SELECT pgtrickle.refresh_stream_table('sums');

-- many_copies_of_a_long_interval
BEGIN;
INSERT INTO j1 SELECT 1, interval '1 month -1 day 9007199254740993 microseconds' FROM generate_series(1, 3);
CALL add_to_all();
COMMIT;
SELECT pgtrickle.refresh_stream_table('sums');
SELECT s, a, c FROM sums;
SELECT * FROM test.differences('sums');
DELETE FROM j1 WHERE d > '1 day';
SELECT pgtrickle.refresh_stream_table('sums');
SELECT s, a, c FROM sums;
-- each_part_has_its_range
SELECT pgtrickle.weighted('-1 month 2 days 9007199254740993 microseconds', -3), pgtrickle.weighted('2147483647 months -2147483648 days', 1),
  pgtrickle.weighted('1 microsecond', -9223372036854775808), pgtrickle.weighted('7 days', 0), pgtrickle.weighted(NULL, 1);
SELECT pgtrickle.weighted('2147483647 months', 2);
SELECT pgtrickle.weighted('-2 days', 1073741825);
SELECT pgtrickle.weighted('2 microseconds', 9223372036854775807);

DROP SCHEMA sums_of_intervals CASCADE;
