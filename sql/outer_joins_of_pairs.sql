-- Outer joins whose condition has a subquery over both sides, or whose right side is computed from the left one.
SET client_min_messages = warning;
CREATE SCHEMA outer_joins_of_pairs;
SET search_path = outer_joins_of_pairs;
CREATE TYPE pair AS (x int, y text);
CREATE TABLE a (id int, k int, v int, m numeric, j json, f float8, p point);
CREATE TABLE b (id int, k int, w int);
CREATE TABLE c (id int PRIMARY KEY, k int, w int);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('left_exists', 'SELECT a.id, a.m, b.id AS b FROM a LEFT JOIN b ON a.k = b.k AND EXISTS (SELECT FROM c WHERE c.k = a.k AND c.w = b.w)'),
  ('right_exists', 'SELECT a.id, a.v, b.id AS b FROM a RIGHT JOIN b ON NOT EXISTS (SELECT FROM c WHERE c.k = a.v AND c.w <> b.w)'),
  ('full_in', 'SELECT a.id, a.f, b.id AS b, b.w FROM a FULL JOIN b ON a.k = b.k AND b.w + a.v IN (SELECT w FROM c)'),
  ('left_scalar', 'SELECT a.id, a.m::text AS m, b.id AS b FROM a LEFT JOIN b ON b.w + a.v > (SELECT max(w) FROM c) OR a.m::text = b.w::text'),
  ('left_correlated', 'SELECT a.id, a.j::text AS j, b.id AS b FROM a LEFT JOIN b ON (SELECT count(*) FROM c WHERE c.k = a.k AND c.w >= b.w) > 1'),
  ('of_points', 'SELECT a.p::text AS p, b.id AS b FROM a LEFT JOIN b ON (SELECT count(*) FROM c WHERE c.k = a.k AND c.w >= b.w) > 1'),
  ('of_joins', 'SELECT a.id, b.id AS b, d.id AS d FROM (a JOIN c ON c.id = a.id) LEFT JOIN (b JOIN c d ON d.id = b.id) ON b.k = a.k AND d.w = ANY (SELECT w FROM c e WHERE e.k = a.v) WHERE d.id IS DISTINCT FROM 3'),
  ('grouped', 'SELECT b.k, count(*) AS n, count(b.id) AS nb FROM a LEFT JOIN b ON a.k = b.k AND EXISTS (SELECT FROM c WHERE c.w = a.v + b.w) GROUP BY b.k'),
  ('nothing_read', 'SELECT count(*) AS n FROM (SELECT 1 AS one FROM a) x LEFT JOIN b ON EXISTS (SELECT FROM c WHERE c.w = b.w + x.one)'),
  ('correlated_pairs', 'SELECT c.id, (SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k AND EXISTS (SELECT FROM c d WHERE d.w = a.v + b.w - c.w) WHERE a.v = c.w) AS n FROM c'),
  ('correlated_full', 'SELECT c.id, (SELECT count(a.id) * 100 + count(b.id) * 10 + count(*) FROM (SELECT * FROM a WHERE a.k = c.k) a FULL JOIN (SELECT * FROM b WHERE b.k <> c.k) b ON a.v = b.w AND EXISTS (SELECT FROM c d WHERE d.w = a.v + b.w)) AS n FROM c'),
  ('function_row', 'SELECT a.id, q FROM a LEFT JOIN unnest(ARRAY[row(a.v, a.id::text)::pair, row(1, NULL)::pair]) q ON q.x > a.k'),
  ('function_row_is_null', 'SELECT a.id, q IS NULL AS n, to_json(q)::text AS t FROM a LEFT JOIN json_to_recordset(a.j) AS q(f int, g text) ON q.f > a.v'),
  ('function_subquery', 'SELECT a.id, g FROM a LEFT JOIN generate_series(1, a.v) g ON g IN (SELECT w FROM c WHERE c.k = a.k)'),
  ('function_in_join', 'SELECT a.id, b.id AS b, g FROM a LEFT JOIN (b JOIN LATERAL generate_series(b.w, a.v) g ON g <> b.id) ON b.k = a.k'),
  ('function_in_joins', 'SELECT a.id, b.id AS b, g, q.w FROM a LEFT JOIN (b CROSS JOIN LATERAL generate_series(1, a.v) g CROSS JOIN LATERAL (SELECT w FROM c WHERE c.k = a.k AND c.w > g) q) ON b.k = a.k AND q.w <> b.w'),
  ('function_in_left_join', 'SELECT a.id, b.id AS b, g FROM a LEFT JOIN (b LEFT JOIN LATERAL generate_series(1, a.v) g ON g = b.w) ON b.k = a.k'),
  ('function_in_inner_join', 'SELECT a.id, b.id AS b, g FROM a JOIN (b LEFT JOIN LATERAL generate_series(1, a.v) g ON g = b.w) ON b.k = a.k'),
  ('subquery_in_inner_join', 'SELECT a.id, b.id AS b, q.n FROM a JOIN (b LEFT JOIN LATERAL (SELECT count(*) AS n FROM c WHERE c.k = a.v) q ON q.n = b.w) ON b.k = a.k');
SELECT pgtrickle.create_stream_table('outer_joins_of_pairs.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
INSERT INTO a SELECT g % 8, nullif(g % 4, 3), g % 3, (g % 3)::text::numeric, '[{"f": 2, "g": "x"}, {"f": 1}]', 0 FROM generate_series(1, 16) g;
INSERT INTO a SELECT 1, 1, 1, '1.0', '[ ]', f FROM unnest('{0,-0,NaN,NULL}'::float8[]) f;
UPDATE a SET p = point(k, v);
INSERT INTO b SELECT g, nullif(g % 4, 0), g % 4 FROM generate_series(1, 9) g;
INSERT INTO c SELECT g, g % 4, g % 5 FROM generate_series(1, 8) g;
SELECT * FROM test.wrong('kept', true);
SELECT b, count(*) FROM left_exists GROUP BY b ORDER BY b;
-- a_pair_less
DELETE FROM c WHERE id IN (1, 5);
DELETE FROM b WHERE id = 2;
SELECT * FROM test.wrong('kept', true);
-- copies_and_images_of_left_rows
DELETE FROM a WHERE ctid IN (SELECT min(ctid) FROM a GROUP BY id HAVING count(*) > 1);
UPDATE a SET m = 1.00 WHERE id = 1;
INSERT INTO a VALUES (1, 1, 1, 1, NULL, 0), (NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM test.wrong('kept', true);
-- pairs_come
INSERT INTO c VALUES (20, 1, 1), (21, 2, 3), (22, NULL, 2);
INSERT INTO b VALUES (20, 1, 1), (21, NULL, NULL), (20, 1, 1);
UPDATE b SET w = w + 1 WHERE id % 3 = 0;
SELECT * FROM test.wrong('kept', true);
-- nothing_matches
DELETE FROM c;
SELECT * FROM test.wrong('kept', true);
INSERT INTO c SELECT g, g % 4, g % 5 FROM generate_series(1, 8) g;
DELETE FROM a WHERE k = 1;
SELECT * FROM test.wrong('kept', true);
DELETE FROM b;
SELECT * FROM test.wrong('kept', true);
DELETE FROM a;
SELECT * FROM test.wrong('kept', true);
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('outer_joins_of_pairs.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA outer_joins_of_pairs CASCADE;
