-- Set-returning functions in the target list return several rows for each row, in lockstep and padded with NULLs.
SET client_min_messages = warning;
CREATE SCHEMA target_sets;
SET search_path = target_sets;
CREATE TYPE pair AS (p int, q text);
CREATE FUNCTION pairs(int) RETURNS SETOF pair IMMUTABLE LANGUAGE sql AS 'SELECT g, ''q'' || g FROM generate_series(1, $1) g';
CREATE FUNCTION words(text) RETURNS SETOF text IMMUTABLE STRICT LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT unnest(string_to_array($1, '' '')); END';
CREATE TABLE t (id int PRIMARY KEY, n int, tags text[], doc jsonb, line text);
INSERT INTO t VALUES (1, 2, '{a,b,NULL}', '{"x": [1, 2], "y": "z"}', 'one two'), (2, 0, '{}', '{}', ''), (3, NULL, NULL, NULL, NULL),
  (4, 3, '{a,a}', '{"x": [3]}', 'one'), (5, 3, '{c}', '{"y": null}', 'two two');
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('series', 'SELECT id, generate_series(1, n) AS g FROM t'),
  ('lockstep', 'SELECT id, generate_series(1, n) AS g, unnest(tags) AS tag, 5 AS five FROM t'),
  ('in_expressions', 'SELECT id + generate_series(1, n) * 2 AS g, upper(unnest(tags)) AS tag FROM t'),
  ('nested', 'SELECT id, generate_series(1, generate_series(1, n)) AS g, unnest(tags) AS tag FROM t'),
  ('composites', 'SELECT id, pairs(n) AS pair, (pairs(n)).q AS q FROM t'),
  ('fields', 'SELECT id, (jsonb_each(doc)).* FROM t'),
  ('own_function', 'SELECT words(line) AS word FROM t'),
  ('distinct_words', 'SELECT DISTINCT words(line) AS word FROM t'),
  ('word_counts', 'SELECT words(line) AS word, count(*) AS n, max(id) AS m FROM t GROUP BY 1'),
  ('after_grouping', 'SELECT n, count(*) AS c, generate_series(1, max(id)) AS g FROM t GROUP BY n'),
  ('key_and_after', 'SELECT unnest(tags) AS tag, generate_series(1, count(*)) AS g FROM t GROUP BY unnest(tags)'),
  ('not_read', 'SELECT x.id FROM (SELECT id, generate_series(1, n) AS g FROM t) x'),
  ('beside_an_unread_subquery', 'SELECT g FROM (SELECT (SELECT max(u.id) FROM t u WHERE u.n = t.id) AS m, generate_series(1, n) AS g FROM t) x'),
  ('only_sorted_by', 'SELECT id FROM t ORDER BY generate_series(1, n)'),
  ('below_a_join', 'SELECT x.id, t.line FROM (SELECT id, unnest(tags) AS tag, generate_series(1, n) AS g FROM t) x JOIN t ON x.g = t.id'),
  ('beside_nothing', 'SELECT generate_series(1, 3) AS g, unnest(ARRAY[''a'', ''b'']) AS v'),
  ('after_windows', 'SELECT id, row_number() OVER (ORDER BY id) AS r, generate_series(1, n) AS g FROM t'),
  ('in_a_union', 'SELECT unnest(tags) AS v FROM t UNION SELECT words(line) FROM t'),
  ('counted', 'SELECT count(*) AS n FROM (SELECT unnest(tags) FROM t) x');
SELECT pgtrickle.create_stream_table('target_sets.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
SELECT * FROM composites ORDER BY 1, 2;
-- a_set_grows_and_shrinks
UPDATE t SET n = n + 1, tags = tags || 'd'::text WHERE id IN (1, 2, 5);
SELECT * FROM test.wrong('kept');
UPDATE t SET n = 1, tags = '{b}', doc = doc || '{"y": 7}', line = 'three one';
SELECT * FROM test.wrong('kept');
-- rows_come_and_go
INSERT INTO t VALUES (6, 4, '{x,y,x}', '{"a": 1, "b": 2}', 'one one one'), (7, 0, NULL, NULL, NULL);
DELETE FROM t WHERE id IN (1, 3);
SELECT * FROM test.wrong('kept');
DELETE FROM t;
SELECT * FROM test.wrong('kept');
INSERT INTO t VALUES (1, 2, '{a,b,NULL}', '{"x": [1, 2], "y": "z"}', 'one two');
SELECT * FROM test.wrong('kept');

-- a_function_that_is_not_immutable_is_no_function_of_its_row
CREATE FUNCTION looked_up(int) RETURNS SETOF int STABLE LANGUAGE sql AS 'SELECT id FROM target_sets.t WHERE n = $1';
SELECT pgtrickle.create_stream_table('target_sets.st', 'SELECT id, target_sets.looked_up(n) AS x FROM t', '520w', 'DIFFERENTIAL');
DROP SCHEMA target_sets CASCADE;
