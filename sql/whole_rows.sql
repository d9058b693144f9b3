-- A row as one value: of a table, a view, a subquery, a function, a stream table; row types and comparisons of rows.
SET client_min_messages = warning;
CREATE SCHEMA whole_rows;
SET search_path = whole_rows;
CREATE TABLE t (id int PRIMARY KEY, gone int, k int, v text);
ALTER TABLE t DROP COLUMN gone;
CREATE TABLE s (k int, note text);
CREATE VIEW big AS SELECT id, v FROM t WHERE id > 2;
CREATE TYPE pair AS (a int, b text);
CREATE TABLE p (id int PRIMARY KEY, pair pair);
INSERT INTO t VALUES (1, 1, 'a'), (2, 1, NULL), (3, NULL, 'c'), (4, 2, 'd');
INSERT INTO s VALUES (1, 'one'), (NULL, NULL), (3, NULL);
INSERT INTO p VALUES (1, (1, 'x')), (2, (NULL, NULL)), (3, NULL);
SELECT pgtrickle.create_stream_table('whole_rows.below', 'SELECT k, count(*) AS n FROM t GROUP BY k', '520w', 'DIFFERENTIAL');
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('as_json', 'SELECT to_jsonb(t) AS j FROM t'),
  ('star_as_json', 'SELECT row_to_json(t.*)::text AS j FROM t WHERE k = 1'),
  ('counted', 'SELECT count(t) AS n, count(s) AS m FROM t LEFT JOIN s ON s.k = t.k'),
  ('kept_as_it_is', 'SELECT t AS r, t.id FROM t'),
  ('padded_as_a_whole', 'SELECT t.id, to_jsonb(s) AS j, s IS NULL AS is_null, s IS DISTINCT FROM NULL AS is_there FROM t LEFT JOIN s ON s.k = t.k'),
  ('both_padded', 'SELECT to_jsonb(t) AS a, to_jsonb(s) AS b FROM t FULL JOIN s ON s.k = t.id'),
  ('of_a_subquery', 'SELECT row_to_json(x)::text AS j FROM (SELECT id, upper(v) AS "Odd Name" FROM t) x'),
  ('of_a_padded_subquery', 'SELECT t.id, to_jsonb(x) AS j FROM t LEFT JOIN (SELECT k AS key, note || ''!'' AS remark FROM s) x ON x.key = t.k'),
  ('of_groups', 'SELECT to_jsonb(x) AS j FROM (SELECT k, count(*) AS n, max(v) AS m FROM t GROUP BY k) x WHERE x.n > 0'),
  ('of_a_view', 'SELECT to_jsonb(big) AS j FROM big'),
  ('of_a_cte', 'WITH c AS (SELECT k, count(*) AS n FROM t GROUP BY k) SELECT to_jsonb(a) AS a, to_jsonb(b) AS b FROM c a JOIN c b ON a.n = b.n'),
  ('of_values', 'SELECT to_jsonb(x) AS j, t.id FROM t, (VALUES (1, ''a''), (2, ''b'')) x(p, q) WHERE x.p = t.k'),
  ('of_a_stream_table', 'SELECT to_jsonb(below) AS j FROM below'),
  ('aggregated', 'SELECT k, jsonb_agg(t ORDER BY id) AS all_of_it FROM t GROUP BY k'),
  ('composites', 'SELECT id, (pair).b, pair IS NULL AS n, (pair).a + 1 AS a, pair = ROW(1, ''x'')::pair AS e FROM p'),
  ('rows_made', 'SELECT id, ROW(id, v)::pair AS made, (ROW(k, v)::pair).b AS b FROM t'),
  ('rows_compared', 'SELECT t.id FROM t JOIN s ON (t.k, t.v) >= (s.k, s.note) WHERE (t.id, t.k) IN ((1, 1), (2, 1), (4, 2))'),
  ('whole_rows_compared', 'SELECT a.id, b.id AS other FROM t a JOIN t b ON a <= b WHERE a IS NOT NULL'),
  ('row_is_null', 'SELECT id, ROW(k, v) IS NULL AS n, ROW(k, v) IS DISTINCT FROM ROW(1, ''a'') AS d FROM t');
SELECT pgtrickle.create_stream_table('whole_rows.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
SELECT * FROM padded_as_a_whole ORDER BY id;
-- refreshed
UPDATE t SET v = 'z' || id, k = k + 1 WHERE id IN (1, 3, 4);
INSERT INTO s VALUES (2, 'two'), (2, NULL), (NULL, 'none');
UPDATE p SET pair.b = 'y';
SELECT * FROM test.wrong('kept');
INSERT INTO t VALUES (5, 2, NULL), (6, NULL, NULL);
DELETE FROM s WHERE note IS NULL;
DELETE FROM p WHERE id = 2;
SELECT * FROM test.wrong('kept');
-- a_value_that_is_stored_compressed_is_the_same_row
INSERT INTO t VALUES (7, 7, repeat('compressible ', 1000));
SELECT * FROM test.wrong('kept');
UPDATE t SET k = 8 WHERE id = 7;
SELECT * FROM test.wrong('kept');
DELETE FROM t WHERE id IN (1, 7);
SELECT * FROM test.wrong('kept');

-- a_column_added_later_is_in_the_row_from_then_on
ALTER TABLE s ADD COLUMN more int DEFAULT 5;
SELECT * FROM test.wrong('kept');
INSERT INTO s VALUES (2, 'three', 6);
SELECT * FROM test.wrong('kept');
SELECT j FROM padded_as_a_whole WHERE id = 2 ORDER BY 1;
DROP SCHEMA whole_rows CASCADE;
