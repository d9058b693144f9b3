-- PostgreSQL expands sets after ORDER BY and DISTINCT ON, unless an expression of these returns a set.
SET client_min_messages = warning;
CREATE SCHEMA target_sets_ordered;
SET search_path = target_sets_ordered;
CREATE TABLE t (id int PRIMARY KEY, k int, x int, a int[]);
INSERT INTO t VALUES (1, 1, 5, '{10,11}'), (2, 1, 3, '{20}'), (3, 1, 9, '{}'), (4, 2, 1, NULL), (5, 2, 4, '{30,31,32}'), (6, 3, 7, '{40,40}'), (7, NULL, 2, '{50}');
CREATE TABLE u (id int PRIMARY KEY, n int);
INSERT INTO u VALUES (1, 2), (2, 1), (5, 3);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('after', 'SELECT DISTINCT ON (k) k, unnest(a) AS e FROM t ORDER BY k, x'),
  ('after_descending', 'SELECT DISTINCT ON (k) k, id, unnest(a) AS e FROM t ORDER BY k DESC NULLS LAST, x DESC'),
  ('after_grouping', 'SELECT DISTINCT ON (k) k, x, count(*) AS n, generate_series(1, sum(x)::int) AS e FROM t GROUP BY k, x ORDER BY k, x'),
  ('after_windows', 'SELECT DISTINCT ON (k) k, row_number() OVER (ORDER BY x, id) AS r, unnest(a) AS e FROM t ORDER BY k, x'),
  ('before', 'SELECT DISTINCT ON (k, unnest(a)) k, unnest(a) AS e, x FROM t ORDER BY k, unnest(a), x'),
  ('before_by_sort', 'SELECT DISTINCT ON (k) k, unnest(a) AS e, generate_series(1, k) AS g FROM t ORDER BY k, unnest(a), generate_series(1, k)'),
  ('correlated', 'SELECT u.id, (SELECT sum(e) FROM (SELECT DISTINCT ON (k) k, unnest(a) + u.n AS e FROM t WHERE t.x > u.id ORDER BY k, x) q) AS s FROM u'),
  ('distinct_before', 'SELECT DISTINCT k, unnest(a) AS e FROM t'),
  ('exists', 'SELECT id FROM u WHERE EXISTS (SELECT DISTINCT ON (k) k, unnest(a) FROM t WHERE t.k = u.id ORDER BY k, x DESC LIMIT 1)'),
  ('in_expressions', 'SELECT DISTINCT ON (k) k, x + unnest(a) * 2 AS e, generate_series(1, 2) AS g FROM t ORDER BY k, x'),
  ('of_a_subquery', 'SELECT DISTINCT ON (k) k, generate_series(1, (SELECT u.n FROM u WHERE u.id = t.id)) AS g FROM t ORDER BY k, x'),
  ('not_read', 'SELECT q.k FROM (SELECT DISTINCT ON (k) k, unnest(a) AS e FROM t ORDER BY k, x) q'),
  ('joined', 'SELECT q.k, q.e, u.n FROM (SELECT DISTINCT ON (k) k, unnest(a) AS e FROM t ORDER BY k, x) q LEFT JOIN u ON u.id = q.k'),
  ('with_ties', 'SELECT k, unnest(a) AS e FROM t ORDER BY k FETCH FIRST 2 ROWS WITH TIES');
SELECT pgtrickle.create_stream_table('target_sets_ordered.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- PostgreSQL takes DISTINCT ON (k) for unique although unnest() is evaluated after it: a right join drops rows.
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE one kept; n bigint;
BEGIN
  FOR one IN TABLE kept LOOP
    PERFORM pgtrickle.refresh_stream_table('target_sets_ordered.' || one.name);
    EXECUTE format('WITH q AS MATERIALIZED (%2$s) SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL TABLE q) UNION ALL (TABLE q EXCEPT ALL TABLE %1$I)) d', one.name, one.query) INTO n;
    IF n > 0 THEN RETURN NEXT one.name; END IF;
  END LOOP;
END $$;
SELECT wrong();
TABLE after ORDER BY k, e;
-- the_first_row_changes
UPDATE t SET x = 20 WHERE id IN (2, 4);
INSERT INTO t VALUES (8, 3, 1, '{7,8}'), (9, 4, 1, '{1}'), (10, 2, 0, '{}');
UPDATE u SET n = n + 1;
SELECT wrong();
TABLE after ORDER BY k, e;
-- a_set_changes
UPDATE t SET a = a || id;
SELECT wrong();
-- rows_go
DELETE FROM t WHERE id IN (1, 6, 7, 10);
DELETE FROM u WHERE id = 2;
SELECT wrong();
DELETE FROM t;
SELECT wrong();
-- a limit within the rows of one set, whose order the query does not define
\set VERBOSITY terse
SELECT pgtrickle.create_stream_table('target_sets_ordered.among', 'SELECT k, unnest(a) AS e FROM t ORDER BY k, id LIMIT 2', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('target_sets_ordered.among', 'SELECT k, unnest(a) AS e FROM t ORDER BY k, id OFFSET 1 FETCH FIRST 2 ROWS WITH TIES', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('target_sets_ordered.among', 'SELECT DISTINCT ON (k) k, unnest(a) AS e FROM t ORDER BY k, id FETCH FIRST 2 ROWS WITH TIES', '520w', 'DIFFERENTIAL');
\set VERBOSITY default
SELECT pgtrickle.create_stream_table('target_sets_ordered.among', 'SELECT k, unnest(a) AS e FROM t ORDER BY k, id LIMIT 3', '520w', 'AUTO') \g /dev/null
INSERT INTO t VALUES (1, 1, 5, '{12,11,12,10}'), (2, 0, 3, '{20}');
SELECT pgtrickle.refresh_stream_table('target_sets_ordered.among') \g /dev/null
TABLE among ORDER BY e;
DROP SCHEMA target_sets_ordered CASCADE;
RESET client_min_messages;
