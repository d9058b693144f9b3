-- The heap that is read has a row for each row of the stream table, and no other.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA storage_holds_visible_rows;
SET search_path = storage_holds_visible_rows;
CREATE TABLE t (id int PRIMARY KEY, k int, s int, name text);
CREATE TABLE q (k int PRIMARY KEY, label text);
CREATE TABLE tree (id int PRIMARY KEY, parent int);
INSERT INTO t SELECT g, g % 20, g % 7, 'n' || g % 5 FROM generate_series(1, 200) g;
INSERT INTO t SELECT 1000 + g, 100 + g, g, 'hidden' || g FROM generate_series(1, 50) g;
INSERT INTO q SELECT g, 'q' || g FROM generate_series(1, 12) g;
INSERT INTO tree SELECT g, nullif(g / 2, 0) FROM generate_series(1, 30) g;
CREATE TABLE shape (name text PRIMARY KEY, query text);
INSERT INTO shape VALUES
  ('having', 'SELECT k, count(*) AS n FROM t GROUP BY k HAVING count(*) >= 3'),
  ('having_and_select_list', 'SELECT 12 / (sum(s) - 30) AS d FROM t GROUP BY k HAVING sum(s) <> 30'),
  ('having_of_the_global_group', 'SELECT sum(s) AS s FROM t HAVING count(*) > 245'),
  ('having_without_an_aggregate', 'SELECT 1 AS one FROM t HAVING true'),
  ('having_with_max', 'SELECT k, max(s) AS m FROM t GROUP BY k HAVING max(s) > 3'),
  ('having_with_array_agg', 'SELECT k, array_agg(id ORDER BY id) AS ids FROM t GROUP BY k HAVING count(DISTINCT s) > 2'),
  ('having_over_grouping_sets', 'SELECT k, name, count(*) AS n FROM t GROUP BY ROLLUP (k, name) HAVING count(*) > 2'),
  ('filter_over_a_grouping', 'SELECT * FROM (SELECT k, sum(s) AS s FROM t GROUP BY k) g WHERE s > 20'),
  ('filter_over_distinct', 'SELECT * FROM (SELECT DISTINCT k, s FROM t) d WHERE k + s > 10'),
  ('having_with_a_subquery', 'SELECT k, sum(s) AS s FROM t GROUP BY k HAVING sum(s) > (SELECT avg(k) FROM q)'),
  ('distinct', 'SELECT DISTINCT name FROM t'),
  ('distinct_of_having', 'SELECT DISTINCT n FROM (SELECT count(*) AS n FROM t GROUP BY k HAVING count(*) > 1) g'),
  ('distinct_on', 'SELECT DISTINCT ON (k) k, id, s FROM t ORDER BY k, s DESC, id'),
  ('first_rows', 'SELECT id, s FROM t ORDER BY s DESC, id LIMIT 5'),
  ('first_rows_of_groups', 'SELECT k, sum(s) AS s FROM t GROUP BY k HAVING count(*) > 2 ORDER BY 2 DESC, 1 LIMIT 4 OFFSET 1'),
  ('first_rows_with_ties', 'SELECT id, s FROM t ORDER BY s DESC FETCH FIRST 5 ROWS WITH TIES'),
  ('window_with_a_filter', 'SELECT * FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY s DESC, id) AS n FROM t) w WHERE n <= 2'),
  ('window_over_having', 'SELECT k, rank() OVER (ORDER BY sum(s) DESC) AS place FROM t GROUP BY k HAVING count(*) > 2'),
  ('union', 'SELECT k FROM t UNION SELECT k FROM q'),
  ('intersect', 'SELECT k FROM t INTERSECT SELECT k FROM q'),
  ('intersect_all', 'SELECT k FROM t INTERSECT ALL SELECT k FROM q'),
  ('except', 'SELECT k FROM t EXCEPT SELECT k FROM q'),
  ('except_all', 'SELECT k FROM t EXCEPT ALL SELECT k FROM q'),
  ('left_join', 'SELECT t.id, q.label FROM t LEFT JOIN q USING (k)'),
  ('join_of_groups', 'SELECT q.label, g.s FROM q JOIN (SELECT k, sum(s) AS s FROM t GROUP BY k HAVING sum(s) > 20) g USING (k)'),
  ('not_exists', 'SELECT t.id FROM t WHERE NOT EXISTS (SELECT FROM q WHERE q.k = t.k)'),
  ('not_in_under_or', 'SELECT t.id FROM t WHERE s = 3 OR k NOT IN (SELECT k FROM q)'),
  ('correlated_value', 'SELECT q.k, (SELECT sum(s) FROM t WHERE t.k = q.k HAVING sum(s) > 20) AS s FROM q'),
  ('correlated_lateral', 'SELECT q.k, f.id FROM q CROSS JOIN LATERAL (SELECT id FROM t WHERE t.k = q.k ORDER BY s DESC, id LIMIT 2) f'),
  ('recursive_set_filtered', 'WITH RECURSIVE r AS (SELECT id, parent FROM tree UNION SELECT r.id, p.parent FROM r JOIN tree p ON p.id = r.parent) SELECT * FROM r WHERE parent > 3'),
  ('recursive_all_filtered', 'WITH RECURSIVE r AS (SELECT id, 1 AS depth FROM tree WHERE parent IS NULL UNION ALL SELECT c.id, r.depth + 1 FROM r JOIN tree c ON c.parent = r.id) SELECT * FROM r WHERE depth > 2'),
  ('shared_cte', 'WITH g AS (SELECT k, sum(s) AS s FROM t GROUP BY k) SELECT a.k, b.s FROM g a JOIN g b ON b.k = a.k + 1 WHERE a.s > 20');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM shape \g /dev/null

-- Returns the stream tables whose heap has another number of rows, or that differ from their query.
CREATE FUNCTION differences() RETURNS TABLE (name text, heap bigint, read bigint, is_true boolean)
LANGUAGE plpgsql AS $$
DECLARE one record;
BEGIN
  FOR one IN SELECT * FROM shape LOOP
    differences.name := one.name;
    EXECUTE format('SELECT count(*) FROM pg_trickle_storage.%I', 'st_' || one.name::regclass::oid) INTO heap;
    EXECUTE format('SELECT count(*) FROM %I', one.name) INTO read;
    EXECUTE format('SELECT NOT EXISTS ((TABLE %1$I EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL TABLE %1$I))', one.name, '(' || one.query || ')') INTO is_true;
    IF heap <> read OR NOT is_true THEN RETURN NEXT; END IF;
  END LOOP;
END $$;
CREATE FUNCTION refreshed() RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM (SELECT pgtrickle.refresh_stream_table(name) FROM shape) r $$;

-- filled
SELECT count(*) FROM shape;
SELECT * FROM differences();
-- changed_by_deltas: groups appear, cross the bound of their HAVING both ways, and go
INSERT INTO t SELECT 2000 + g, 100 + g % 10, g % 9, 'n' || g % 8 FROM generate_series(1, 40) g;
DELETE FROM t WHERE k < 5 AND id > 60 OR id BETWEEN 1040 AND 1050;
UPDATE t SET s = s + 1 WHERE id % 3 = 0;
DELETE FROM q WHERE k % 4 = 0;
INSERT INTO q VALUES (101, 'new');
UPDATE tree SET parent = 2 WHERE id IN (12, 13);
DELETE FROM tree WHERE id > 25;
SELECT refreshed();
SELECT * FROM differences();
-- emptied_and_filled_again
DELETE FROM t;
DELETE FROM tree WHERE id > 3;
SELECT refreshed();
SELECT * FROM differences();
INSERT INTO t SELECT g, g % 20, g % 7, 'n' || g % 5 FROM generate_series(1, 200) g;
SELECT refreshed();
SELECT * FROM differences();
-- repaired
SELECT count(*) FROM (SELECT pgtrickle.repair_stream_table(name) FROM shape) r;
SELECT * FROM differences();

-- index_of_a_user_evaluates_its_expression_over_rows_that_the_query_has
SELECT pgtrickle.create_stream_table('nonzero', 'SELECT k, sum(s) AS s FROM t GROUP BY k HAVING sum(s) <> 0', '520w', 'DIFFERENTIAL') \g /dev/null
INSERT INTO t VALUES (3000, 300, 0, 'zero');
CREATE INDEX ON nonzero ((1 / s));
SELECT pgtrickle.refresh_stream_table('nonzero') \g /dev/null
INSERT INTO t VALUES (3001, 301, 5, 'five'), (3002, 301, -5, 'five');
SELECT pgtrickle.refresh_stream_table('nonzero') \g /dev/null
SELECT count(*) FILTER (WHERE s = 0), count(*) FROM nonzero;
-- having_guards_the_select_list, though a group that it leaves out would divide by zero
SELECT pgtrickle.create_stream_table('guarded', 'SELECT k, 12 / sum(s) AS d FROM t GROUP BY k HAVING sum(s) <> 0', '520w', 'DIFFERENTIAL') \g /dev/null
INSERT INTO t VALUES (3003, 302, 4, 'four'), (3004, 303, 0, 'zero');
SELECT pgtrickle.refresh_stream_table('guarded') \g /dev/null
UPDATE t SET s = 0 WHERE id = 3003;
SELECT pgtrickle.refresh_stream_table('guarded') \g /dev/null
SELECT DISTINCT action FROM pgtrickle.get_refresh_history('guarded', 2);
SELECT count(*) FROM guarded WHERE k >= 300;
DROP SCHEMA storage_holds_visible_rows CASCADE;
