-- GROUPING SETS, ROLLUP and CUBE are maintained as a union of groupings.
SET client_min_messages = warning;
CREATE SCHEMA grouping_sets;
SET search_path = grouping_sets;
CREATE DOMAIN present AS int NOT NULL;
CREATE TABLE t (id int PRIMARY KEY, a text, b int, c present, m numeric);
INSERT INTO t SELECT i, nullif(chr(97 + i % 4), 'd'), nullif(i % 5, 4), i % 3, i / 4.0 FROM generate_series(1, 50) i;
CREATE TABLE u (id int PRIMARY KEY, name text);
INSERT INTO u SELECT i, 'u' || i % 7 FROM generate_series(1, 60) i;

CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('rolled_up', 'SELECT a, b, count(*), sum(m), grouping(a, b) AS ab, grouping(b) AS b2 FROM t GROUP BY ROLLUP (a, b)'),
  ('cubed', 'SELECT a, b, c, max(m), array_agg(id ORDER BY id), a || b AS t FROM t GROUP BY CUBE (a, b, c)'),
  ('sets', 'SELECT a, b, b + 1 AS b1, count(*) FROM t GROUP BY GROUPING SETS ((a), (a), (b, a), (), ())'),
  ('distinct_sets', 'SELECT a, b, count(*) FROM t GROUP BY DISTINCT ROLLUP (a, b), ROLLUP (b)'),
  ('expressions', 'SELECT b % 2 AS odd, (b % 2) * 10 AS tens, upper(a), sum(b % 2), count(a) FROM t GROUP BY ROLLUP (b % 2, upper(a))'),
  ('having', 'SELECT a, b, sum(m) FROM t GROUP BY ROLLUP (a, b) HAVING grouping(a, b) > 0 AND count(*) > 12 OR a = ''b'''),
  ('only_keys', 'SELECT a, c FROM t GROUP BY GROUPING SETS ((a, c), (c), ())'),
  ('nothing', 'SELECT 1 AS one FROM t GROUP BY ()'),
  ('nothing_twice', 'SELECT count(*) FROM t WHERE b = 3 GROUP BY GROUPING SETS ((), ())'),
  ('mixed', 'SELECT c, a, b, avg(m), min(id) FROM t GROUP BY c, ROLLUP (a, b)'),
  ('determined', 'SELECT id, a, m, b, count(*) FROM t GROUP BY id, ROLLUP (b)'),
  ('one_set', 'SELECT a, grouping(a) AS g, count(*) FROM t GROUP BY a'),
  ('equal_keys', 'SELECT b AS a1, b AS a2, b + 1 AS b1, grouping(b) AS g, count(*) FROM t GROUP BY a1, ROLLUP (a2) HAVING b IS DISTINCT FROM 2'),
  ('equal_keys_cubed', 'SELECT b % 2 AS x, b % 2 AS y, c, sum(m) AS s, rank() OVER (ORDER BY sum(m)) AS r FROM t GROUP BY CUBE (x, y), c'),
  ('equal_keys_of_lateral', 'SELECT u.id, q.* FROM u, LATERAL (SELECT t.b AS a1, t.b AS a2, u.id AS a3, u.id AS a4, count(*) AS n FROM t WHERE t.id = u.id GROUP BY a1, ROLLUP (a2, a3), CUBE (a4)) q'),
  ('of_join', 'SELECT u.name, t.a, count(*), sum(t.m) FROM t JOIN u ON u.id = t.id GROUP BY ROLLUP (u.name, t.a)'),
  ('under_join', 'SELECT t.id, q.n, q.b FROM t JOIN (SELECT a, b, count(*) AS n FROM t GROUP BY CUBE (a, b)) q ON q.a = t.a AND q.b IS NULL'),
  ('of_groups', 'SELECT n, count(*) AS groups, sum(g) AS s FROM (SELECT a, b, count(*) AS n, grouping(a, b) AS g FROM t GROUP BY CUBE (a, b)) q GROUP BY ROLLUP (n)');
SELECT pgtrickle.create_stream_table('grouping_sets.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
SELECT * FROM rolled_up ORDER BY ab, a, b LIMIT 3;
-- inserted
INSERT INTO t SELECT i, chr(97 + i % 6), i % 8, i % 4, i FROM generate_series(51, 58) i;
SELECT * FROM test.wrong('kept');
-- updated
UPDATE t SET b = NULL WHERE id % 6 = 0;
UPDATE t SET a = 'b', m = m + 1 WHERE id IN (1, 2);
UPDATE u SET name = 'u0' WHERE id = 3;
SELECT * FROM test.wrong('kept');
-- groups_vanish
DELETE FROM t WHERE a = 'c' OR b = 1;
DELETE FROM u WHERE id < 5;
SELECT * FROM test.wrong('kept');
-- the_empty_set_keeps_its_row
DELETE FROM t;
SELECT * FROM test.wrong('kept');
SELECT (SELECT count(*) FROM sets) AS sets, (SELECT count(*) FROM nothing) AS nothing, (SELECT count(*) FROM nothing_twice) AS twice, (SELECT count(*) FROM mixed) AS mixed;
INSERT INTO t VALUES (1, 'a', 1, 1, 1), (2, NULL, NULL, 1, 2);
SELECT * FROM test.wrong('kept');
SELECT * FROM rolled_up ORDER BY ab, a, b;
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('grouping_sets.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA grouping_sets CASCADE;
