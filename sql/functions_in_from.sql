-- Functions in FROM: alone, LATERAL, in lockstep, with ordinality, below outer joins.
SET client_min_messages = warning;
CREATE SCHEMA functions_in_from;
SET search_path = functions_in_from;
CREATE TYPE pair AS (p int, q text);
CREATE FUNCTION pairs(int) RETURNS SETOF pair IMMUTABLE LANGUAGE sql AS 'SELECT g, ''q'' || g FROM generate_series(1, $1) g';
CREATE FUNCTION made(int) RETURNS SETOF record IMMUTABLE LANGUAGE sql AS 'SELECT g, ''r'' || g FROM generate_series(1, $1) g';
CREATE TABLE t (id int PRIMARY KEY, n int, tags text[], doc jsonb, line text);
CREATE TABLE s (tag text PRIMARY KEY, worth int);
INSERT INTO t VALUES (1, 2, '{a,b,NULL}', '[{"x": 1, "y": "z"}]', 'one two'), (2, 0, '{}', '[]', ''), (3, NULL, NULL, NULL, NULL),
  (4, 3, '{a,a}', '[{"x": 3}, {"y": 5}]', 'one'), (5, 3, '{c}', '[{}]', 'two two');
INSERT INTO s VALUES ('a', 1), ('b', 2), ('z', 3);
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('constant', 'SELECT t.id, g FROM t, generate_series(1, 3) g WHERE g <> t.n'),
  ('unnested', 'SELECT id, tag FROM t, unnest(tags) tag'),
  ('joined_on_it', 'SELECT t.id, s.worth FROM t, unnest(t.tags) u(tag), s WHERE s.tag = u.tag'),
  ('left_joined', 'SELECT t.id, u.tag FROM t LEFT JOIN unnest(t.tags) u(tag) ON u.tag <> ''a'''),
  ('numbered', 'SELECT id, tag, i FROM t CROSS JOIN LATERAL unnest(tags) WITH ORDINALITY u(tag, i) WHERE i > 1'),
  ('lockstep', 'SELECT id, a, b, o FROM t, ROWS FROM (unnest(tags), generate_series(1, n)) WITH ORDINALITY x(a, b, o)'),
  ('documents', 'SELECT id, e ->> ''x'' AS x FROM t, jsonb_array_elements(doc) e'),
  ('records', 'SELECT id, r.x, r.y FROM t, functions_in_from.made(n) AS r(x int, y text)'),
  ('words', 'SELECT word, count(*) AS n, max(id) AS m FROM t, regexp_split_to_table(line, '' '') word GROUP BY word'),
  ('own_composite', 'SELECT id, x.q, x.p FROM t, pairs(n) x'),
  ('one_after_another', 'SELECT id, a, b FROM t, generate_series(1, n) a, generate_series(a, 3) b'),
  ('of_two_tables', 'SELECT t.id, s.tag, g FROM t, s, generate_series(s.worth, t.n) g'),
  ('below_an_outer_join', 'SELECT s.tag, x.id FROM s LEFT JOIN (SELECT id, tag FROM t, unnest(tags) tag) x ON x.tag = s.tag'),
  ('preserved', 'SELECT g, t.id FROM generate_series(1, 4) g LEFT JOIN t ON t.n = g'),
  ('values_beside', 'SELECT t.id, v.k, v.x FROM t, LATERAL (VALUES (''n'', t.n), (''id'', t.id)) v(k, x) WHERE v.x > 1'),
  ('xml', 'SELECT t.id, x.a FROM t, XMLTABLE(''/r/a'' PASSING xmlparse(document ''<r><a>'' || coalesce(n, 9) || ''</a><a>7</a></r>'') COLUMNS a int PATH ''.'') x'),
  ('in_a_subquery', 'SELECT id, (SELECT count(*) FROM unnest(t.tags) u WHERE u IS NOT NULL) AS n FROM t'),
  ('in_exists', 'SELECT id FROM t WHERE EXISTS (SELECT FROM unnest(t.tags) u JOIN s ON s.tag = u)'),
  ('of_a_subquery', 'SELECT t.id, g FROM t, generate_series(1, (SELECT sum(s.worth)::int FROM s)) g WHERE g > t.n'),
  ('of_a_correlated_one', 'SELECT t.id, g FROM t LEFT JOIN LATERAL generate_series(1, (SELECT max(s.worth) FROM s WHERE s.worth <= t.n)) g ON g <> 2'),
  ('values_of_subqueries', 'SELECT t.id, v.x FROM t, LATERAL (VALUES (t.n), ((SELECT count(*) FROM s WHERE s.worth < t.n))) v(x)'),
  ('once_a_row', 'SELECT id, x FROM t, abs(n) x'),
  ('a_cast', 'SELECT id, x FROM t, CAST(n AS text) x'),
  ('casts_of_expressions', 'SELECT id, x, y, z FROM t, CAST(n * 2 AS numeric(6,2)) x, CAST(line || ''!'' AS varchar(3)) y, CAST(CASE WHEN n > 2 THEN id END AS bigint) z'),
  ('casts_of_constants', 'SELECT id, x, y, z, count(*) AS n FROM CAST(1 AS bigint) x, CAST(NULL AS int) y, CAST(''a'' AS text) z, t GROUP BY id, x, y, z'),
  ('casts_in_lockstep', 'SELECT id, a, b, o FROM t, ROWS FROM (unnest(tags), CAST(n + 1 AS text)) WITH ORDINALITY x(a, b, o)'),
  ('casts_to_rows', 'SELECT id, x.p, x.q, y FROM t LEFT JOIN CAST(ROW(n, line) AS pair) x ON x.p > 2, CAST(ARRAY[n, id] AS numeric[]) y');
SELECT pgtrickle.create_stream_table('functions_in_from.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
SELECT * FROM lockstep WHERE id < 3 ORDER BY id, o;
-- refreshed
UPDATE t SET n = n + 1, tags = tags || 'z'::text, doc = doc || '{"x": 8}' WHERE id IN (1, 2, 5);
INSERT INTO s VALUES ('c', 1), ('q', 0);
SELECT * FROM test.wrong('kept');
UPDATE t SET tags = '{b}', line = 'three one';
DELETE FROM s WHERE tag = 'a';
UPDATE s SET worth = worth - 1;
SELECT * FROM test.wrong('kept');
INSERT INTO t VALUES (6, 4, '{x,q,x}', '[{"y": 2}]', 'one one one'), (7, 0, NULL, NULL, NULL);
DELETE FROM t WHERE id IN (1, 3);
SELECT * FROM test.wrong('kept');
DELETE FROM t;
SELECT * FROM test.wrong('kept');
INSERT INTO t VALUES (1, 2, '{a,b,NULL}', '[{"x": 1}]', 'one two');
SELECT * FROM test.wrong('kept');
DROP SCHEMA functions_in_from CASCADE;
