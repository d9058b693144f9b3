-- The select list of a query with LIMIT is evaluated for rows within the limit only: a row of the reserve beyond it raises no error.
SET client_min_messages = warning;
CREATE SCHEMA limits_of_failing_targets;
SET search_path = limits_of_failing_targets;
CREATE TABLE t (k int PRIMARY KEY, x int, d text);
INSERT INTO t SELECT g, g, g::text FROM generate_series(1, 8) g;
INSERT INTO t VALUES (9, 0, 'none'), (10, 0, 'none'), (11, 2, '9');
CREATE INDEX ON t (x);
CREATE INDEX ON t (d, k);
CREATE INDEX ON t ((k / 8));
CREATE TABLE u (x int, v int);
INSERT INTO u VALUES (1, 10), (2, 20), (2, 21), (3, 30), (0, 1), (0, 2);
CREATE INDEX ON u (x);
CREATE FUNCTION checked(int) RETURNS int IMMUTABLE LANGUAGE plpgsql COST 100 AS $$
BEGIN
  IF $1 = 0 THEN RAISE EXCEPTION 'a row beyond the limit'; END IF;
  RETURN $1;
END $$;
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('cast_of_text', 'SELECT k, d::int AS n FROM t ORDER BY k LIMIT 3'),
  ('computed_limit', 'SELECT k, 12 / x AS q FROM t ORDER BY k LIMIT (SELECT count(*) FROM u WHERE x = 2)'),
  ('divided', 'SELECT k, 12 / x AS q FROM t ORDER BY k LIMIT 3'),
  ('first_of_each', 'SELECT DISTINCT ON (d) d, 12 / x AS q FROM t ORDER BY d, k LIMIT 3'),
  ('in_groups', 'SELECT d, 12 / sum(x) AS q, max(k) AS k FROM t GROUP BY d ORDER BY d LIMIT 3'),
  ('in_windows', 'SELECT k, 12 / sum(x) OVER (PARTITION BY k) AS q FROM t ORDER BY k LIMIT 3'),
  ('lateral', 'SELECT u.v, l.q FROM u, LATERAL (SELECT 12 / t.x AS q FROM t WHERE t.k > u.x ORDER BY k LIMIT 2) l WHERE u.x > 2'),
  ('of_no_rows', 'SELECT k, 12 / x AS q, sum(12 / x) OVER () AS s FROM t WHERE 12 / x > 0 ORDER BY k LIMIT 0'),
  ('of_no_rows_inside', 'SELECT u.v, ARRAY(SELECT 12 / t.x FROM t WHERE t.k / (t.x - u.x) > 0 ORDER BY 1 LIMIT 0) AS a, l.q, (SELECT 12 / sum(x - x) FROM t LIMIT 0) AS n FROM u LEFT JOIN LATERAL (SELECT 12 / x AS q FROM t UNION SELECT u.v / (u.x - 2) ORDER BY 1 LIMIT 0) l ON true'),
  ('one_row', 'SELECT k, (SELECT v FROM u WHERE u.x = t.x) AS v FROM t ORDER BY k LIMIT 1'),
  ('own_function', 'SELECT k, checked(x) AS q FROM t ORDER BY k LIMIT 3'),
  ('own_function_below', 'SELECT q.k, q.c + 1 AS q FROM (SELECT k, checked(x) AS c FROM t ORDER BY k LIMIT 3) q'),
  ('skipping', 'SELECT k, 12 / x AS q FROM t ORDER BY k OFFSET 3 LIMIT 2'),
  ('subquery_that_fails', 'SELECT k, (SELECT sum(12 / u.x) FROM u WHERE u.x = t.x) AS v FROM t ORDER BY k LIMIT 2'),
  ('with_ties', 'SELECT k % 2 AS odd, 12 / x AS q FROM t ORDER BY k / 8 FETCH FIRST 2 ROWS WITH TIES');
SELECT pgtrickle.create_stream_table('limits_of_failing_targets.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- PostgreSQL evaluates a cheap select list before it sorts, so the answers to compare with are read from an index.
SET enable_sort = off;
SET enable_seqscan = off;
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one kept; n bigint;
BEGIN
  FOR one IN TABLE kept LOOP
    PERFORM pgtrickle.refresh_stream_table('limits_of_failing_targets.' || one.name);
    BEGIN
      EXECUTE format('SELECT count(*) FROM ((TABLE %I EXCEPT ALL (%s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', one.name, one.query) INTO n;
    EXCEPTION WHEN division_by_zero OR invalid_text_representation THEN
      RETURN NEXT format('%s: the query fails', one.name);
      CONTINUE;
    END;
    IF n > 0 THEN RETURN NEXT one.name; END IF;
  END LOOP;
END $$;
SELECT wrong();
-- rows_come_and_go_beyond_the_limit
INSERT INTO t VALUES (12, 0, 'x'), (13, 0, 'y');
UPDATE t SET x = 0 WHERE k = 11;
DELETE FROM t WHERE k = 10;
INSERT INTO u VALUES (2, 22), (2, 23);
SELECT wrong();
TABLE divided ORDER BY k;
-- rows_come_and_go_within_the_limit
DELETE FROM t WHERE k = 1;
UPDATE t SET x = 4, d = '5' WHERE k = 3;
INSERT INTO t VALUES (0, 6, '6');
INSERT INTO u VALUES (4, 60);
SELECT wrong();
-- a_row_that_fails_comes_within_the_limit
INSERT INTO t VALUES (-1, 0, 'minus');
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('limits_of_failing_targets.divided');
\set VERBOSITY default
DELETE FROM t WHERE k = -1;
SELECT wrong();
DROP SCHEMA limits_of_failing_targets CASCADE;
RESET client_min_messages;
RESET enable_sort;
RESET enable_seqscan;
