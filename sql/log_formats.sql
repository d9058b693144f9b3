-- Stream tables that come and go do not use up the formats of their source's change log.
SET client_min_messages = warning;
CREATE SCHEMA log_formats;
SET search_path = log_formats;
CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int, d int, e int, f int);
CREATE VIEW formats AS SELECT count(*) AS n FROM pgtrickle.pgt_source_format WHERE relid = 't'::regclass;
CREATE PROCEDURE define(columns text) LANGUAGE plpgsql AS $$
BEGIN
  DROP FOREIGN TABLE IF EXISTS st;
  EXECUTE format('CREATE FOREIGN TABLE st (x int) SERVER pgtrickle OPTIONS (query %L, schedule %L)',
                 format('SELECT coalesce(%s) AS x FROM t', columns), '520w');
END $$;
-- two_columns_in_turn
DO $$ BEGIN
  FOR i IN 1..10 LOOP CALL define(CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END); END LOOP;
END $$;
SELECT n <= 3 AS are_few FROM formats;
-- a_type_and_back
CALL define('a, b');
INSERT INTO t VALUES (1, NULL, 10), (2, 20, 2);
ALTER TABLE t ALTER a TYPE bigint;
ALTER TABLE t ALTER a TYPE int;
INSERT INTO t VALUES (3, 30, 3);
SELECT pgtrickle.refresh_stream_table('st') \g /dev/null
SELECT x FROM st ORDER BY x;
SELECT n <= 5 AS are_few FROM formats;
-- all_sets_of_columns
DO $$
DECLARE
  columns text;
BEGIN
  FOR i IN 1..63 LOOP
    SELECT string_agg(name, ', ') INTO columns FROM unnest('{a,b,c,d,e,f}'::text[]) WITH ORDINALITY u (name, n) WHERE i >> n::int - 1 & 1 = 1;
    CALL define(columns);
  END LOOP;
END $$;
SELECT n < 45 AS are_few FROM formats;
-- changes_captured_after_that
CALL define('c, d');
INSERT INTO t (id, c, d) VALUES (4, NULL, 40), (5, 50, 5);
DELETE FROM t WHERE id = 4;
SELECT pgtrickle.refresh_stream_table('st') \g /dev/null
SELECT x FROM st WHERE x IS NOT NULL ORDER BY x;
SET client_min_messages = error;
DROP SCHEMA log_formats CASCADE;
