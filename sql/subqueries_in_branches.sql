-- Subqueries that fail for rows which do not evaluate them, as they take another branch of the expression.
SET client_min_messages = warning;
CREATE SCHEMA subqueries_in_branches;
SET search_path = subqueries_in_branches;
CREATE TABLE o (id int PRIMARY KEY, k int, q int, t text);
CREATE TABLE i (id int PRIMARY KEY, k int, v int);
INSERT INTO o SELECT g, nullif(g % 6, 4), g % 4, CASE WHEN g % 3 = 0 THEN 'x' ELSE g::text END FROM generate_series(1, 24) g;
INSERT INTO i SELECT g, nullif(g % 6, 5), g % 4 FROM generate_series(1, 20) g;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('of_case', $$SELECT id, CASE WHEN q > 0 THEN (SELECT sum(v) / q FROM i WHERE i.k = o.k) ELSE 0 END AS r FROM o$$),
  ('of_else', $$SELECT id, CASE WHEN q = 0 THEN -1 WHEN k IS NULL THEN -2 ELSE (SELECT max(v / q) FROM i WHERE i.k = o.k) END AS r FROM o$$),
  ('of_conditions', $$SELECT id, CASE WHEN q = 0 THEN 'none' WHEN (SELECT count(*) / q FROM i WHERE i.k = o.k) > 0 THEN 'some' ELSE 'few' END AS r FROM o$$),
  ('of_values', $$SELECT id, CASE q WHEN 0 THEN NULL WHEN 1 THEN k ELSE (SELECT min(v + 10 / q) FROM i WHERE i.k < o.k) END AS r FROM o$$),
  ('of_nested', $$SELECT id, CASE WHEN q > 0 THEN CASE WHEN 6 / q > 2 THEN (SELECT sum(v / q) FROM i WHERE i.k = o.k) END END AS r FROM o$$),
  ('of_coalesce', $$SELECT id, coalesce(nullif(q, 1) * 0, (SELECT sum(v / (q - 0)) FROM i WHERE i.k = o.k AND 1 / (2 - q) = 1), -1) AS r FROM o$$),
  ('of_or', $$SELECT id FROM o WHERE q = 0 OR (SELECT sum(v) / q FROM i WHERE i.k = o.k) > 3$$),
  ('of_and', $$SELECT id, q <> 0 AND (SELECT sum(v) / q FROM i WHERE i.k = o.k) > 3 AS r FROM o$$),
  ('of_exists', $$SELECT id, CASE WHEN q <> 0 THEN EXISTS (SELECT FROM i WHERE i.k = o.k AND v > 4 / q) END AS r FROM o$$),
  ('of_in', $$SELECT id, CASE WHEN q <> 0 THEN k IN (SELECT v / q FROM i WHERE i.k = o.k) END AS r FROM o$$),
  ('of_not_in', $$SELECT id, CASE WHEN q <> 0 THEN k NOT IN (SELECT v / q FROM i WHERE i.id > o.id) END AS r FROM o$$),
  ('of_arrays', $$SELECT id, CASE WHEN q <> 0 THEN ARRAY(SELECT v / q FROM i WHERE i.k = o.k ORDER BY 1) END AS r FROM o$$),
  ('of_casts', $$SELECT id, CASE WHEN t ~ '^[0-9]+$' THEN (SELECT v FROM i WHERE i.id = o.t::int) END AS r FROM o$$),
  ('of_rows', $$SELECT id, CASE WHEN q <> 0 THEN (k, q) = (SELECT v / q, v FROM i WHERE i.id = o.id) END AS r FROM o$$),
  ('before_in', $$SELECT id, CASE WHEN q > 0 THEN (SELECT sum(v / q) FROM i WHERE i.k = o.k) IN (SELECT v FROM i) END AS r FROM o$$),
  ('before_all', $$SELECT id FROM o WHERE CASE WHEN q > 0 THEN (SELECT max(v / q) FROM i WHERE i.k = o.k) <= ALL (SELECT v FROM i WHERE i.id = o.id) ELSE k = 1 END$$),
  ('before_rows', $$SELECT id, CASE WHEN q > 0 THEN ((SELECT max(v / q) FROM i WHERE i.k = o.k), k) < (SELECT v, k FROM i WHERE i.id = o.id) END AS r FROM o$$),
  ('behind_a_column', $$SELECT id, CASE WHEN q > 0 THEN (k, (SELECT max(v / q) FROM i WHERE i.k = o.k)) NOT IN (SELECT k, v FROM i WHERE v IS NOT NULL) END AS r FROM o$$),
  ('before_coalesced_in', $$SELECT id, coalesce(nullif(q, 1) = 0, (SELECT max(v / q) FROM i WHERE i.k = o.k) IN (SELECT v FROM i WHERE i.k = o.q)) AS r FROM o$$),
  ('beside_window_in', $$SELECT id, CASE WHEN q > 0 THEN row_number() OVER (ORDER BY id) + (SELECT max(v / q) FROM i WHERE i.k = o.k) IN (SELECT id FROM i) END AS r FROM o$$),
  ('before_in_of_rows', $$SELECT id, CASE WHEN q > 0 THEN (k, (SELECT max(v / q) FROM i WHERE i.k = o.k)) IN (SELECT k, v FROM i) END AS r FROM o$$),
  ('before_equal_rows', $$SELECT id, CASE WHEN q > 0 THEN (k, (SELECT max(v / q) FROM i WHERE i.k = o.k)) = (SELECT k, v FROM i WHERE i.id = o.id) END AS r FROM o$$),
  ('filtered_by_in', $$SELECT k, sum((SELECT max(v / q) FROM i WHERE i.k = o.k)) FILTER (WHERE CASE WHEN q > 0 THEN (SELECT max(v / q) FROM i WHERE i.k = o.k) IN (SELECT v FROM i) END) AS r FROM o GROUP BY k$$),
  ('of_no_row', $$SELECT id, CASE WHEN q > 100 THEN (SELECT sum(v / (k - k)) FROM i) ELSE q END AS r FROM o$$),
  ('of_some_rows', $$SELECT id, CASE WHEN q = 9 THEN (SELECT sum(10 / (v - 3)) FROM i) ELSE q END AS r FROM o$$),
  ('of_no_null', $$SELECT id, coalesce(q, (SELECT v / (k - k) FROM i WHERE id = 1)) AS r FROM o$$),
  ('of_no_group', $$SELECT k, CASE WHEN max(q) > 100 THEN ARRAY(SELECT v / (i.k - i.k) FROM i WHERE i.k IS NOT NULL) END AS r FROM o GROUP BY k$$),
  ('of_no_existence', $$SELECT id, CASE WHEN q > 100 THEN EXISTS (SELECT FROM i WHERE v / (k - k) > 0) ELSE k = 1 END AS r FROM o$$),
  ('of_no_element', $$SELECT id FROM o WHERE CASE WHEN q > 100 THEN k NOT IN (SELECT v / (k - k) FROM i) ELSE k > 1 END$$),
  ('of_no_conjunct', $$SELECT id FROM o WHERE CASE WHEN q > 100 THEN (SELECT max(v / (k - k)) FROM i) > id ELSE id > 3 END$$),
  ('of_no_rows', $$SELECT id, CASE WHEN q > 100 THEN (k, q) < (SELECT v / (k - k), 1 FROM i WHERE id = 1) END AS r FROM o$$),
  ('without_from', $$SELECT CASE WHEN (SELECT count(*) FROM o) > 1000 THEN (SELECT sum(v / (k - k)) FROM i) END AS r$$),
  ('without_any_column', $$SELECT CASE WHEN pg_catalog.length('a') > 1 THEN (SELECT sum(v / (k - k)) FROM i) END AS r$$),
  ('within_another', $$SELECT id, (SELECT max(CASE WHEN i.v > 100 THEN (SELECT sum(v / (k - k)) FROM i) ELSE i.v END) FROM i WHERE i.k = o.k) AS r FROM o$$),
  ('within_a_row', $$SELECT id, CASE WHEN q > 0 THEN (k, CASE WHEN q > 1 THEN (SELECT max(v / (q - 1)) FROM i WHERE i.k = o.k) END) NOT IN (SELECT k, v FROM i) END AS r FROM o$$),
  ('within_rows', $$SELECT id, (k, CASE WHEN q > 1 THEN (SELECT max(v / (q - 1)) FROM i) END, q) IN (SELECT k, v, v FROM i WHERE v IS NOT NULL) AS r FROM o$$),
  ('within_a_row_of_all', $$SELECT id FROM o WHERE (k, CASE WHEN q > 1 THEN (SELECT max(v / (q - 1)) FROM i WHERE i.k = o.k) ELSE 1 END) <> ALL (SELECT k, v FROM i WHERE i.id > o.id)$$),
  ('of_groups_inside', $$SELECT id, CASE WHEN q > 100 THEN (SELECT sum(x) FROM (SELECT k, sum(v / (k - k)) AS x FROM i WHERE k > 0 GROUP BY k) g) END AS r FROM o$$),
  ('of_groups_beside', $$SELECT id, CASE WHEN q > 100 THEN (SELECT sum(x) FROM (SELECT DISTINCT k, v / (k - k) AS x FROM i) g WHERE g.k = o.k) END AS r FROM o$$),
  ('of_a_cte', $$SELECT id, CASE WHEN q > 100 THEN (WITH g AS (SELECT k, sum(v / (k - k)) AS x FROM i GROUP BY k) SELECT max(x) FROM g JOIN g h USING (k, x)) END AS r FROM o$$),
  ('of_operands', $$SELECT id, CASE WHEN q > 100 THEN (SELECT v / (k - k) AS x FROM i UNION SELECT 1 ORDER BY x LIMIT 1) END AS r FROM o$$),
  ('of_nested_values', $$SELECT id, CASE WHEN q > 100 THEN k IN (SELECT v FROM i WHERE v > (SELECT sum(v / (k - k)) FROM i) OR v = (SELECT sum(v / (o.q - o.q)) FROM i)) END AS r FROM o$$),
  ('of_windows', $$SELECT id, CASE WHEN q > 100 THEN ARRAY(SELECT rank() OVER (ORDER BY v / (k - k)) FROM i WHERE k IS NOT NULL) END AS r FROM o$$),
  ('of_lateral_values', $$SELECT id, l.r FROM o, LATERAL (VALUES (CASE WHEN q > 100 THEN (SELECT sum(v / (k - k)) FROM i) ELSE q END), (k)) l (r)$$),
  ('of_functions', $$SELECT id, r FROM o, unnest(ARRAY[CASE WHEN q > 100 THEN (SELECT sum(v / (o.q - o.q)) FROM i WHERE i.k = o.k) ELSE q END, k]) r$$),
  ('in_both', $$SELECT id, CASE WHEN q = 1 THEN (SELECT sum(v / q) FROM i WHERE i.k = o.k) WHEN q = 2 THEN (SELECT sum(v / q) FROM i WHERE i.k = o.k) + 1 END AS r FROM o$$),
  ('of_other_subqueries', $$SELECT id, CASE WHEN EXISTS (SELECT FROM i WHERE i.id = o.q) THEN (SELECT sum(v / q) FROM i WHERE i.k = o.k) END AS r FROM o$$),
  ('of_groups', $$SELECT k, CASE WHEN min(q) > 0 THEN (SELECT sum(v) / min(o.q) FROM i WHERE i.k = o.k) END AS r FROM o GROUP BY k$$),
  ('in_aggregates', $$SELECT k, sum(CASE WHEN q > 0 THEN (SELECT sum(v) / q FROM i WHERE i.k = o.k) ELSE 0 END) AS r FROM o GROUP BY k$$),
  ('in_having', $$SELECT k, count(*) AS n FROM o GROUP BY k HAVING CASE WHEN min(q) > 0 THEN (SELECT count(*) / min(o.q) FROM i WHERE i.k = o.k) > 1 ELSE true END$$),
  ('beside_windows', $$SELECT id, sum(CASE WHEN q > 0 THEN (SELECT sum(v) / q FROM i WHERE i.k = o.k) ELSE 0 END) OVER (PARTITION BY k ORDER BY id) AS r FROM o$$),
  ('around_windows', $$SELECT id, CASE WHEN q > 1 THEN sum((SELECT 9 / (v + 1) FROM i WHERE i.id = o.id)) OVER (PARTITION BY k) END AS r FROM o$$),
  ('around_filtered_windows', $$SELECT id, coalesce(nullif(q, 1), count((SELECT v / (i.k + 1) FROM i WHERE i.id = o.id)) FILTER (WHERE EXISTS (SELECT FROM i WHERE v / (i.k + 1) = o.q)) OVER (ORDER BY id)) AS r FROM o$$),
  ('around_windows_of_groups', $$SELECT k, CASE WHEN k > 2 THEN sum((SELECT v / (i.k + 1) FROM i WHERE i.id = min(o.id))) OVER (ORDER BY k) END AS r FROM o GROUP BY k$$),
  ('behind_windows', $$SELECT id, CASE WHEN row_number() OVER (ORDER BY id) > 100 THEN (SELECT sum(v / (k - k)) FROM i) END AS r FROM o$$),
  ('behind_their_values', $$SELECT id, CASE WHEN count(*) OVER (PARTITION BY q) > 0 AND min(q) OVER (PARTITION BY q) > 0 THEN (SELECT sum(v / q) FROM i WHERE i.k = o.k) END AS r FROM o$$),
  ('in_join', $$SELECT o.id, p.id AS other FROM o JOIN o p ON CASE WHEN p.q > 0 THEN o.id = (SELECT max(i.id / p.q) FROM i WHERE i.k = p.k) ELSE o.id = p.id END$$),
  ('in_left_join', $$SELECT o.id, p.id AS other FROM o LEFT JOIN o p ON o.id = p.id AND CASE WHEN p.q > 0 THEN (SELECT count(i.id / p.q) FROM i WHERE i.k = p.k) > 1 ELSE false END$$),
  ('after_costly_nulls', $$SELECT id, coalesce(CASE WHEN abs(q) + 0 + 0 + 0 = 0 THEN 1 END, nullif(6 / q, 3), (SELECT sum(v / (i.k + 1)) FROM i WHERE i.k = o.k)) AS r FROM o$$),
  ('after_costly_and', $$SELECT id, abs(q) + 0 + 0 + 0 <> 0 AND 6 / q > 1 AND (SELECT sum(v / (i.k + 1)) FROM i WHERE i.k = o.k) > 3 AS r FROM o$$),
  ('after_costly_or', $$SELECT id, abs(q) + 0 + 0 + 0 = 0 OR 6 / q > 1 OR (SELECT sum(v / (i.k + 1)) FROM i WHERE i.k = o.k) > 3 AS r FROM o$$),
  ('in_filtered_aggregates', $$SELECT k, sum(CASE WHEN 6 / q > 2 THEN (SELECT sum(v / (i.k + 1)) FROM i WHERE i.k = o.k) ELSE 0 END) FILTER (WHERE q <> 0) AS r FROM o GROUP BY k$$),
  ('in_filtered_windows', $$SELECT id, sum(CASE WHEN 6 / q > 2 THEN (SELECT sum(v / (i.k + 1)) FROM i WHERE i.k = o.k) ELSE 0 END) FILTER (WHERE q <> 0) OVER (PARTITION BY k ORDER BY id) AS r FROM o$$);
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
SELECT * FROM test.wrong('kept');

-- rows_that_begin_and_cease_to_take_the_branch
UPDATE o SET q = (q + 1) % 4 WHERE id % 5 = 0;
UPDATE o SET q = 0 WHERE id IN (3, 7, 13);
UPDATE o SET t = CASE WHEN t = 'x' THEN '4' ELSE 'y' END WHERE id % 4 = 1;
SELECT * FROM test.wrong('kept');
INSERT INTO o SELECT g, g % 5, g % 4, g::text FROM generate_series(30, 40) g;
DELETE FROM i WHERE id % 3 = 0;
SELECT * FROM test.wrong('kept');
UPDATE i SET v = v + 1, k = nullif(k + 1, 4);
DELETE FROM o WHERE q = 1;
SELECT * FROM test.wrong('kept');

-- rows_that_take_a_branch_of_no_references
UPDATE i SET v = 4 WHERE v = 3;
UPDATE o SET q = 9 WHERE id % 3 = 0;
SELECT * FROM test.wrong('kept');
UPDATE i SET v = v + 1 WHERE v > 3;
SELECT * FROM test.wrong('kept');
UPDATE o SET q = 2 WHERE q = 9;
UPDATE i SET v = 3 WHERE v > 3;
SELECT * FROM test.wrong('kept');

-- a_row_that_takes_the_branch_and_fails
UPDATE o SET q = -1, k = NULL, t = '99999999999' WHERE id = 2;
\set SHOW_CONTEXT never
SELECT pgtrickle.refresh_stream_table('of_casts');
\set SHOW_CONTEXT errors
UPDATE o SET t = '9' WHERE id = 2;
SELECT * FROM test.wrong('kept');
DROP SCHEMA subqueries_in_branches CASCADE;
