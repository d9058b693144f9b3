-- A refresh fails only if the query does, and succeeds when the query succeeds again.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA values_that_fail;
SET search_path = values_that_fail;
CREATE TABLE a (id int PRIMARY KEY, x int);
CREATE TABLE b (id int PRIMARY KEY, x int);
CREATE TABLE c (id int, note text);
INSERT INTO a VALUES (1, 5), (2, 6);
INSERT INTO b VALUES (1, 3), (2, 1);
INSERT INTO c VALUES (1, 'one');
SELECT pgtrickle.create_stream_table('quotients', 'SELECT id, 30 / x AS q FROM a', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('differences', 'SELECT a.id, 12 / (a.x - b.x) AS q FROM a JOIN b ON b.id = a.id', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('notes', 'SELECT id, (SELECT note FROM c WHERE c.id = a.id) AS note FROM a', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('sums', 'SELECT sum(q)::smallint AS s FROM quotients', '520w', 'DIFFERENTIAL') \g /dev/null
CREATE FUNCTION refreshed(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgtrickle.refresh_stream_table(name);
  RETURN (SELECT action FROM pgtrickle.get_refresh_history(name, 1));
EXCEPTION WHEN OTHERS THEN
  RETURN sqlerrm;
END $$;

-- new_rows_meet_old_ones: 3 of a meets 3 of b in the delta, though never in the tables
UPDATE a SET x = 3 WHERE id = 1;
UPDATE b SET x = 2 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('differences') \g /dev/null
TABLE differences ORDER BY id;
SELECT action, status FROM pgtrickle.get_refresh_history('differences', 1);
-- and from there on by deltas again
UPDATE a SET x = 4 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('differences') \g /dev/null
SELECT action, status FROM pgtrickle.get_refresh_history('differences', 1);
TABLE differences ORDER BY id;

-- the_query_fails
SELECT pgtrickle.refresh_stream_table('quotients') \g /dev/null
UPDATE a SET x = 0 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('quotients');
SELECT id, 30 / x AS q FROM a;
-- inside_of_a_block_that_catches_it
SELECT refreshed('quotients');
SELECT refreshed('sums');
TABLE quotients ORDER BY id;
-- it_has_an_answer_again
UPDATE a SET x = 10 WHERE id = 2;
SELECT refreshed('quotients') <> 'division by zero' AS is_refreshed;
TABLE quotients ORDER BY id;
SELECT refreshed('sums') <> 'division by zero' AS is_refreshed;
TABLE sums;

-- two_rows_of_a_scalar_subquery
SELECT pgtrickle.refresh_stream_table('notes') \g /dev/null
TABLE notes ORDER BY id;
INSERT INTO c VALUES (1, 'uno'), (2, 'due');
SELECT pgtrickle.refresh_stream_table('notes');
DELETE FROM c WHERE note = 'one';
SELECT pgtrickle.refresh_stream_table('notes') \g /dev/null
TABLE notes ORDER BY id;

-- in_a_batch: the results of another stream table of it remain, or are computed again
UPDATE a SET x = 0 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('sums');
BEGIN;
UPDATE a SET x = 5 WHERE id = 1;
SAVEPOINT before;
UPDATE a SET x = 0 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('sums');
ROLLBACK TO before;
SELECT pgtrickle.refresh_stream_table('sums') \g /dev/null
COMMIT;
TABLE sums;
SELECT sum(30 / x) FROM a;

-- errors_that_a_statement_may_have_too: a text that is no tsquery, a result too long
CREATE TABLE phrase (id int, t text);
CREATE TABLE ending (id int, t text, n int);
INSERT INTO phrase VALUES (1, 'a &');
INSERT INTO ending VALUES (1, 'b', 1);
SELECT pgtrickle.create_stream_table('phrases', 'SELECT id, (p.t || e.t)::tsquery AS q FROM phrase p JOIN ending e USING (id)', '520w', 'DIFFERENTIAL') \g /dev/null
UPDATE phrase SET t = 'a';
UPDATE ending SET t = '& b';
SELECT refreshed('phrases');
TABLE phrases;
SELECT pgtrickle.create_stream_table('lengths', 'SELECT id, length(repeat(p.t, e.n)) AS n FROM phrase p JOIN ending e USING (id)', '520w', 'DIFFERENTIAL') \g /dev/null
UPDATE phrase SET t = NULL;
UPDATE ending SET n = 2000000000;
SELECT refreshed('lengths');
UPDATE phrase SET t = repeat('x', 100);
UPDATE ending SET n = 2;
SELECT refreshed('lengths');
TABLE lengths;

-- error_of_a_function_with_its_own_code: rows that have come and gone do not fail a refresh, rows that stay do
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF n < 0 THEN RAISE EXCEPTION 'negative: %', n USING ERRCODE = 'ZN001'; END IF;
  RETURN 2 * n;
END $$;
CREATE TABLE number (n int);
SELECT pgtrickle.create_stream_table('twices', 'SELECT twice(n) AS n FROM number', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('twice_sum', 'SELECT sum(twice(n)) AS s FROM number', '520w', 'DIFFERENTIAL') \g /dev/null
INSERT INTO number VALUES (-1), (3);
DELETE FROM number WHERE n < 0;
SELECT pgtrickle.refresh_stream_table('twices'), pgtrickle.refresh_stream_table('twice_sum') \g /dev/null
SELECT action, status FROM pgtrickle.get_refresh_history('twices', 1);
SELECT action, status FROM pgtrickle.get_refresh_history('twice_sum', 1);
SELECT n, s FROM twices, twice_sum;
INSERT INTO number VALUES (-2);
SELECT refreshed('twices');

-- expressions_over_rows_that_a_join_or_filter_removes: neither an index nor an arrangement evaluates them for other rows
CREATE TABLE t (id int PRIMARY KEY, k int, s int, word text);
CREATE TABLE q (k int PRIMARY KEY);
INSERT INTO t VALUES (1, 1, 6, 'x'), (2, 2, 7, '7');
INSERT INTO q VALUES (2);
CREATE DOMAIN small AS int CHECK (value < 10);
CREATE FUNCTION half(n bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 6 / (n - 6); END';
CREATE TABLE shape (name text, query text);
INSERT INTO shape VALUES
  ('keys', 'SELECT 12 / (x.s - 6) AS d, array_agg(x.k ORDER BY x.k) AS ks FROM (SELECT k, sum(s) AS s FROM t GROUP BY k) x JOIN q USING (k) GROUP BY 1'),
  ('keys_cast', 'SELECT m::int AS d, max(k) AS m FROM (SELECT k, max(word) AS m FROM t GROUP BY k) x JOIN q USING (k) GROUP BY 1'),
  ('keys_in_a_domain', 'SELECT s::small AS d, array_agg(k) AS ks FROM (SELECT k, max(s) + 30 * (2 - k) AS s FROM t GROUP BY k) x JOIN q USING (k) GROUP BY 1'),
  ('keys_of_a_function', 'SELECT half(s) AS d, array_agg(k) AS ks FROM (SELECT k, sum(s) AS s FROM t GROUP BY k) x JOIN q USING (k) GROUP BY 1'),
  ('side_of_a_join', 'SELECT x.k, y.id FROM (SELECT k, sum(s) AS s FROM t GROUP BY k HAVING sum(s) <> 6) x JOIN t y ON y.id = 2 / (x.s - 6)'),
  ('having', 'SELECT k, 12 / (s - 6) AS d FROM (SELECT k, sum(s) AS s FROM t GROUP BY k) x WHERE s <> 6'),
  ('computed_below_a_filter', 'SELECT k, d FROM (SELECT k, 12 / (sum(s) - 6) AS d FROM t GROUP BY k) x WHERE k > 1'),
  ('computed_below_a_filter_and_join', 'SELECT k, d FROM (SELECT k, 12 / (sum(s) - 6) AS d FROM t GROUP BY k) x JOIN q USING (k) WHERE k > 1'),
  ('sums_of_filtered_groups', 'SELECT k, s FROM (SELECT k, sum(12 / (s - 6)) AS s FROM t GROUP BY k) x WHERE k = 2'),
  ('sums_of_groups_that_a_join_filters', 'SELECT x.s FROM q JOIN (SELECT k, sum(12 / (s - 6)) AS s FROM t GROUP BY k) x USING (k) WHERE q.k = 2'),
  ('sums_of_filtered_groups_in_a_window', 'SELECT k, rank() OVER (ORDER BY s) AS r FROM (SELECT k, sum(12 / (s - 6)) AS s FROM t GROUP BY k) x WHERE k > 1'),
  ('distinct_of_filtered_rows', 'SELECT d FROM (SELECT DISTINCT k, 12 / (s - 6) AS d FROM t) x WHERE k = 2'),
  ('set_operation_of_filtered_rows', 'SELECT d FROM (SELECT k, 12 / (s - 6) AS d FROM t UNION SELECT k, k FROM q) x WHERE k = 2'),
  ('partition_of_filtered_rows', 'SELECT d FROM (SELECT k, sum(12 / (s - 6)) OVER (PARTITION BY k) AS d FROM t) x WHERE k = 2'),
  ('window_over_a_case', 'SELECT id, CASE WHEN s <> 6 THEN d END AS d, rank() OVER (PARTITION BY k ORDER BY id) AS r FROM (SELECT id, k, s, 12 / (s - 6) AS d FROM t) x'),
  ('window_of_a_case', 'SELECT x.id, lag(CASE WHEN s <> 6 THEN d END) OVER (ORDER BY x.id) AS d FROM (SELECT id, k, s, 12 / (s - 6) AS d FROM t WHERE id > 0) x JOIN q USING (k)'),
  ('windows_of_several_keys', 'SELECT id, CASE WHEN s <> 6 THEN d END AS d, row_number() OVER (PARTITION BY k ORDER BY id) AS r, count(*) OVER (PARTITION BY s) AS n FROM (SELECT id, k, s, 12 / (s - 6) AS d FROM t) x'),
  ('window_over_preserved_rows', 'SELECT x.id, CASE WHEN s <> 6 THEN d END AS d, rank() OVER (PARTITION BY x.k ORDER BY x.id) AS r FROM (SELECT id, k, s, 12 / (s - 6) AS d FROM t) x LEFT JOIN q ON q.k = x.k'),
  ('window_over_padded_rows', 'SELECT q.k, x.id, CASE WHEN s <> 6 THEN d END AS d, x.c, rank() OVER (PARTITION BY q.k ORDER BY x.id) AS r FROM (SELECT id, k, s, 12 / (s - 6) AS d, coalesce(12 / nullif(s - 6, 0), 99) AS c FROM t) x RIGHT JOIN q ON q.k = x.k - 1'),
  ('window_over_rows_of_both', 'SELECT q.k, x.id, CASE WHEN s <> 6 THEN d END AS d, x.c, rank() OVER (PARTITION BY q.k ORDER BY x.id) AS r FROM (SELECT id, k, s, 12 / (s - 6) AS d, coalesce(12 / nullif(s - 6, 0), 99) AS c FROM t) x FULL JOIN q ON q.k = x.k - 1'),
  ('window_over_rows_with_a_match', 'SELECT x.id, CASE WHEN s <> 6 THEN d END AS d, rank() OVER (PARTITION BY x.k ORDER BY x.id) AS r FROM (SELECT id, k, s, 12 / (s - 6) AS d FROM t) x WHERE EXISTS (SELECT FROM q WHERE q.k = x.k)'),
  ('window_over_rows_without_one', 'SELECT x.id, CASE WHEN s <> 6 THEN d END AS d, rank() OVER (PARTITION BY x.k ORDER BY x.id) AS r FROM (SELECT id, k, s, 12 / (s - 6) AS d FROM t) x WHERE NOT EXISTS (SELECT FROM q WHERE q.k = x.k)'),
  ('window_over_marked_rows', 'SELECT x.id, CASE WHEN s <> 6 THEN d END AS d, x.k IN (SELECT k FROM q) AS m, rank() OVER (PARTITION BY x.k ORDER BY x.id) AS r FROM (SELECT id, k, s, 12 / (s - 6) AS d FROM t) x'),
  ('window_over_values_of_a_subquery', 'SELECT x.id, CASE WHEN s <> 6 THEN d END AS d, (SELECT max(q.k) FROM q WHERE q.k <= x.k) AS m, rank() OVER (PARTITION BY x.k ORDER BY x.id) AS r FROM (SELECT id, k, s, 12 / (s - 6) AS d FROM t) x'),
  ('window_over_rows_compared_with_values', 'SELECT x.id, CASE WHEN s <> 6 THEN d END AS d, rank() OVER (PARTITION BY x.k ORDER BY x.id) AS r FROM (SELECT (12 + k) / (s - 6) AS d, id, k, s FROM t) x WHERE x.id <= (SELECT max(q.k) FROM q) + (SELECT count(*) FROM q)'),
  ('window_over_rows_a_value_is_compared_with', 'SELECT x.id, CASE WHEN s <> 6 THEN d END AS d, rank() OVER (PARTITION BY x.k ORDER BY x.id) AS r FROM (SELECT (12 + k) / (s - 6) AS d, id, k, s FROM t) x WHERE (SELECT max(q.k) FROM q) >= x.id'),
  ('window_over_rows_a_constant_is_compared_with', 'SELECT x.id, CASE WHEN s <> 6 THEN d END AS d, rank() OVER (PARTITION BY x.k ORDER BY x.id) AS r FROM (SELECT abs(1) AS d, id, k, s FROM t) x WHERE (SELECT 5) >= x.id'),
  ('window_over_padded_rows_compared_with_values', 'SELECT q.k, x.id, x.c, rank() OVER (PARTITION BY q.k ORDER BY x.id) AS r FROM (SELECT coalesce((12 + k) / nullif(s - 6, 0), 99) AS c, id, k, s FROM t) x RIGHT JOIN q ON q.k = x.k - 1 WHERE coalesce(x.c, q.k) > (SELECT min(y.k) FROM q y) - (SELECT max(id) FROM t)');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM shape \g /dev/null
CREATE FUNCTION untrue() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one record; found text;
BEGIN
  FOR one IN SELECT * FROM shape LOOP
    found := refreshed(one.name);
    IF found IN ('DIFFERENTIAL', 'FULL', 'NO_DATA', 'REINITIALIZE') THEN
      EXECUTE format('SELECT ''untrue'' WHERE EXISTS (TABLE %1$I EXCEPT ALL %2$s) OR EXISTS (%2$s EXCEPT ALL TABLE %1$I)', one.name, '(' || one.query || ')') INTO found;
    END IF;
    IF found IS NOT NULL THEN RETURN NEXT one.name || ': ' || found; END IF;
  END LOOP;
END $$;
SELECT count(*) FROM shape;
SELECT * FROM untrue();
INSERT INTO t VALUES (3, 0, 6, 'y'), (4, 2, 3, '8'), (5, 1, 0, '9');
SELECT * FROM untrue();
INSERT INTO t VALUES (6, 4, 8, '4');
INSERT INTO q VALUES (4);
SELECT * FROM untrue();
DELETE FROM t WHERE id IN (3, 4);
SELECT * FROM untrue();
SELECT count(pgtrickle.repair_stream_table(name)) FROM shape;
SELECT * FROM untrue();
DROP SCHEMA values_that_fail CASCADE;
