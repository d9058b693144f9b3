-- SEARCH and CYCLE of recursive CTEs.
SET client_min_messages = warning;
CREATE SCHEMA search_and_cycle;
SET search_path = search_and_cycle;
CREATE TABLE n (id int PRIMARY KEY, parent int, name text, big bigint, m numeric);
CREATE TABLE g (f int, t int, w text);
INSERT INTO n SELECT i, nullif(i / 3, 0), chr(97 + i % 5) || i, i % 4, i / 2.0 FROM generate_series(1, 20) i;
INSERT INTO g VALUES (1, 2, 'a'), (2, 3, 'b'), (3, 1, 'c'), (3, 4, 'a'), (4, NULL, 'b'), (NULL, 1, 'x'), (NULL, NULL, 'y'), (5, 6, 'z');
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('depth_first', $$WITH RECURSIVE r AS (SELECT id, parent, name FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.parent, n.name FROM n JOIN r ON n.parent = r.id) SEARCH DEPTH FIRST BY id SET o SELECT id, name, row_number() OVER (ORDER BY o, id) AS place FROM r$$),
  ('depth_first_by_name', $$WITH RECURSIVE r AS (SELECT id, name FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.name FROM n JOIN r ON n.parent = r.id) SEARCH DEPTH FIRST BY name SET o SELECT id, rank() OVER (ORDER BY o DESC) AS place FROM r$$),
  ('depth_first_by_two', $$WITH RECURSIVE r AS (SELECT id, big FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.big FROM n JOIN r ON n.parent = r.id) SEARCH DEPTH FIRST BY big, id SET o SELECT string_agg(id::text, '>' ORDER BY o, id) AS way FROM r$$),
  ('breadth_first', $$WITH RECURSIVE r AS (SELECT id, name FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.name FROM n JOIN r ON n.parent = r.id) SEARCH BREADTH FIRST BY id SET o SELECT id, name, row_number() OVER (ORDER BY o) AS place FROM r$$),
  ('breadth_first_by_numeric', $$WITH RECURSIVE r AS (SELECT id, m FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.m FROM n JOIN r ON n.parent = r.id) SEARCH BREADTH FIRST BY m SET o SELECT id, rank() OVER (ORDER BY o DESC NULLS LAST) AS place FROM r$$),
  ('first_of_search', $$WITH RECURSIVE r AS (SELECT id, name FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.name FROM n JOIN r ON n.parent = r.id) SEARCH DEPTH FIRST BY id SET o SELECT id, name FROM r ORDER BY o LIMIT 7$$),
  ('order_not_kept', $$WITH RECURSIVE r AS (SELECT id, name FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.name FROM n JOIN r ON n.parent = r.id) SEARCH BREADTH FIRST BY id SET o SELECT count(*) AS n FROM (SELECT id, name FROM r ORDER BY o) q$$),
  ('cycle', $$WITH RECURSIVE r AS (SELECT f, t FROM g WHERE f = 1 UNION ALL SELECT g.f, g.t FROM g JOIN r ON g.f = r.t) CYCLE f SET is_cycle USING path SELECT f, t, is_cycle FROM r$$),
  ('cycle_of_two', $$WITH RECURSIVE r (f, t, d) AS (SELECT f, t, 0 FROM g WHERE f = 1 OR f IS NULL UNION ALL SELECT g.f, g.t, d + 1 FROM g JOIN r ON g.f = r.t OR r.t IS NULL AND g.f IS NULL) CYCLE f, t SET mark TO 'Y' DEFAULT 'N' USING path SELECT f, t, d, mark FROM r$$),
  ('cycle_of_texts', $$WITH RECURSIVE r AS (SELECT f, t, w FROM g WHERE f = 2 UNION ALL SELECT g.f, g.t, g.w FROM g JOIN r ON g.f = r.t) CYCLE w, f SET c USING p SELECT count(*) AS n, count(*) FILTER (WHERE c) AS cycles, max(w) AS w FROM r$$),
  ('both', $$WITH RECURSIVE r AS (SELECT f, t FROM g WHERE f = 1 UNION ALL SELECT g.f, g.t FROM g JOIN r ON g.f = r.t) SEARCH DEPTH FIRST BY f, t SET o CYCLE f SET c USING p SELECT f, t, c, row_number() OVER (ORDER BY o) AS place FROM r WHERE NOT c$$),
  ('read_twice', $$WITH RECURSIVE r AS (SELECT f, t FROM g WHERE f = 1 UNION ALL SELECT g.f, g.t FROM g JOIN r ON g.f = r.t) SEARCH DEPTH FIRST BY f, t SET o CYCLE f SET c USING p SELECT x.f, x.t, (SELECT count(*) FROM r WHERE r.f = x.f) AS n, ARRAY(SELECT r.t FROM r WHERE NOT c ORDER BY o) AS way FROM r x$$),
  ('joined', $$WITH RECURSIVE r AS (SELECT f, t FROM g WHERE f = 1 UNION ALL SELECT g.f, g.t FROM g JOIN r ON g.f = r.t) SEARCH DEPTH FIRST BY f, t SET o CYCLE f SET c USING p SELECT r.f, t, c, n.name, rank() OVER (ORDER BY o) AS place FROM r LEFT JOIN n ON n.id = r.t JOIN (SELECT f FROM r) q USING (f)$$),
  ('by_the_name_of_a_join', $$WITH RECURSIVE r AS (SELECT f, t FROM g WHERE f = 1 UNION ALL SELECT g.f, g.t FROM g JOIN r ON g.f = r.t) SEARCH BREADTH FIRST BY f, t SET o CYCLE f SET c USING p SELECT j.f, j.c, rank() OVER (ORDER BY j.o) AS place FROM (r JOIN (SELECT id FROM n) n ON n.id = r.t) AS j$$),
  ('correlated', $$SELECT g.w, q.* FROM g, LATERAL (WITH RECURSIVE r AS (SELECT h.f, h.t FROM g h WHERE h.f = g.t UNION ALL SELECT h.f, h.t FROM g h JOIN r ON h.f = r.t) CYCLE f SET c USING p SELECT count(*) AS n, bool_or(c) AS c FROM r) q$$),
  ('correlated_from_within', $$SELECT n.id, (WITH RECURSIVE r AS (SELECT n.id AS a, n.parent AS b UNION ALL SELECT q.id, q.parent FROM (SELECT c.id, c.parent FROM n c JOIN r ON c.parent = r.a) q) SELECT count(*) FROM r WHERE a < (SELECT max(a) FROM r)) AS n FROM n$$);
SELECT pgtrickle.create_stream_table('search_and_cycle.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
SELECT * FROM depth_first ORDER BY place LIMIT 6;
SELECT * FROM cycle ORDER BY 1, 2, 3;
-- a_branch_moves
UPDATE n SET parent = 2 WHERE id = 3;
UPDATE n SET name = 'zz' || id, big = NULL, m = m + 0.50 WHERE id IN (4, 7);
INSERT INTO g VALUES (4, 2, 'q'), (4, 5, 'r');
SELECT * FROM test.wrong('kept');
-- a_cycle_opens
DELETE FROM g WHERE f = 3 AND t = 1;
INSERT INTO n VALUES (100, NULL, 'a', 1, 1), (101, 100, 'a', 1, 1.0), (102, 100, NULL, NULL, NULL);
SELECT * FROM test.wrong('kept');
-- another_closes
INSERT INTO g VALUES (6, 4, 'x'), (6, 6, 'y'), (1, 2, 'a');
DELETE FROM n WHERE id = 5;
SELECT * FROM test.wrong('kept');
-- the_root_goes
DELETE FROM g WHERE f = 1 OR f IS NULL;
DELETE FROM n WHERE parent IS NULL;
SELECT * FROM test.wrong('kept');
INSERT INTO g VALUES (1, 2, 'n');
UPDATE n SET parent = NULL WHERE id IN (3, 6);
SELECT * FROM test.wrong('kept');
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('search_and_cycle.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
-- unsupported_columns
SELECT pgtrickle.create_stream_table('search_and_cycle.refused', 'WITH RECURSIVE r AS (SELECT id, name FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.name FROM n JOIN r ON n.parent = r.id) SEARCH DEPTH FIRST BY name, id SET o SELECT id, rank() OVER (ORDER BY o) AS place FROM r', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('search_and_cycle.refused', 'WITH RECURSIVE r AS (SELECT f, t FROM g WHERE f = 1 UNION ALL SELECT g.f, g.t FROM g JOIN r ON g.f = r.t) CYCLE f SET c USING p SELECT f, cardinality(p) FROM r', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('search_and_cycle.refused', 'WITH RECURSIVE r AS (SELECT f, t FROM g WHERE f = 1 UNION ALL SELECT g.f, g.t FROM g JOIN r ON g.f = r.t) CYCLE f SET c USING p SELECT j.f, cardinality(j.p) FROM (r JOIN n ON n.id = r.t) AS j', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('search_and_cycle.refused', 'WITH RECURSIVE r AS (SELECT id, m FROM n WHERE parent IS NULL UNION ALL SELECT n.id, n.m FROM n JOIN r ON n.parent = r.id) CYCLE m SET c USING p SELECT id FROM r', '520w', 'DIFFERENTIAL');
DROP SCHEMA search_and_cycle CASCADE;
