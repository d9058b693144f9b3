-- CTEs of correlated subqueries that are read by nested subqueries, groups, set operations and other CTEs.
SET client_min_messages = warning;
CREATE SCHEMA correlated_ctes;
SET search_path = correlated_ctes;
CREATE TABLE a (id int PRIMARY KEY, k int, v int, m numeric);
CREATE TABLE b (id int PRIMARY KEY, k int, w int);
CREATE TABLE e (f int, t int);
INSERT INTO a SELECT g, nullif(g % 7, 3), g % 5, g % 3 + CASE WHEN g % 2 = 0 THEN 0.0 ELSE 0.00 END FROM generate_series(1, 20) g;
INSERT INTO b SELECT g, nullif(g % 6, 4), g % 4 FROM generate_series(1, 15) g;
INSERT INTO e SELECT g, g + 1 FROM generate_series(0, 5) g;
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('the_largest', 'SELECT a.id, (WITH c AS (SELECT * FROM b WHERE b.k = a.k) SELECT count(*) FROM c WHERE w = (SELECT max(w) FROM c)) AS n FROM a'),
  ('twice_deep', 'SELECT a.id, (WITH c AS (SELECT * FROM b WHERE b.k = a.k) SELECT count(*) FROM c WHERE EXISTS (SELECT FROM b d WHERE d.w = c.w AND d.id NOT IN (SELECT id FROM c))) AS n FROM a'),
  ('beside', 'SELECT a.id, q.* FROM a, LATERAL (WITH c AS (SELECT w, count(*) AS n FROM b WHERE b.k = a.k GROUP BY w) SELECT (SELECT sum(n) FROM c) AS s, c.w, rank() OVER (ORDER BY n) AS r FROM c) q'),
  ('beside_left', 'SELECT a.id, q.* FROM a LEFT JOIN LATERAL (WITH c AS (SELECT w FROM b WHERE b.k = a.k) SELECT w FROM c WHERE w > ALL (SELECT min(w) FROM c) OR w = a.v) q ON true'),
  ('of_one_another', 'SELECT a.id, (WITH c AS (SELECT w, id FROM b WHERE b.k = a.k), d AS (SELECT max(w) AS w FROM c), f AS (SELECT * FROM c WHERE w IN (TABLE d)) SELECT count(*) FROM f, d WHERE f.w = d.w AND f.id < ANY (SELECT id FROM c)) AS n FROM a'),
  ('in_unions', 'SELECT a.id, ARRAY(WITH c AS (SELECT w FROM b WHERE b.k = a.k) SELECT w FROM c UNION ALL SELECT a.v EXCEPT SELECT (SELECT min(w) FROM c) ORDER BY 1) AS r FROM a'),
  ('in_from', 'SELECT a.id, (WITH c AS (SELECT w FROM b WHERE b.k = a.k) SELECT sum(q.w) FROM (SELECT c.w FROM c JOIN (SELECT DISTINCT w FROM c) d USING (w)) q) AS s FROM a'),
  ('shadowed', 'SELECT a.id, (WITH c AS (SELECT w FROM b WHERE b.k = a.k) SELECT count(*) FROM c WHERE w IN (WITH c AS (SELECT w + 1 AS w FROM c) SELECT w FROM c)) AS n FROM a'),
  ('with_another', 'WITH o AS (SELECT k, max(w) AS m FROM b GROUP BY k) SELECT a.id, (WITH c AS (SELECT o.m FROM o WHERE o.k = a.k) SELECT count(*) FROM o WHERE m > (SELECT max(m) FROM c)) AS n FROM a'),
  ('shown', 'SELECT a.id, (WITH c AS (SELECT w + a.m AS s FROM b WHERE b.k = a.k) SELECT string_agg(s::text, chr(44) ORDER BY s::text) FROM c WHERE s >= (SELECT avg(s) FROM c)) AS t FROM a'),
  ('read_by_nobody', 'SELECT a.id, q.w FROM a LEFT JOIN LATERAL (WITH c AS (SELECT b.w, a.k FROM b) SELECT w FROM b) q ON a.id = q.w'),
  ('read_by_nobody_of_a_value', 'SELECT a.id, (WITH RECURSIVE c AS (SELECT a.v AS n UNION SELECT t FROM e JOIN c ON f = n), d AS (SELECT a.k) SELECT count(*) FROM b WHERE b.w = a.v) AS n FROM a'),
  ('recursive', 'SELECT a.id, (WITH RECURSIVE r AS (SELECT a.v AS n UNION SELECT t FROM e JOIN r ON f = n WHERE t < a.k) SELECT count(*) FROM r WHERE n < (SELECT max(n) FROM r)) AS n FROM a'),
  ('recursive_of_cte', 'SELECT a.id, (WITH RECURSIVE c AS (SELECT w FROM b WHERE b.k = a.k), r AS (SELECT min(w) AS n FROM c UNION SELECT t FROM e JOIN r ON f = n WHERE t <= a.v), d AS (SELECT sum(n) AS s FROM r) SELECT s - count(x.n) FROM d, r x WHERE EXISTS (SELECT FROM r y WHERE y.n > x.n) GROUP BY s) AS n FROM a');
SELECT pgtrickle.create_stream_table('correlated_ctes.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
SELECT n, count(*) FROM twice_deep GROUP BY n ORDER BY n;
-- rows_of_the_cte_change
INSERT INTO b VALUES (100, 5, 2), (101, NULL, 1), (102, 3, 0);
UPDATE b SET w = w + 1 WHERE id % 3 = 0;
SELECT * FROM test.wrong('kept');
-- both_sides_change
UPDATE a SET k = 3, v = v + 1 WHERE k IS NULL;
DELETE FROM b WHERE w = 3;
DELETE FROM e WHERE f = 2;
SELECT * FROM test.wrong('kept');
-- outer_rows_come_and_go
DELETE FROM a WHERE id % 4 = 0;
INSERT INTO a VALUES (200, NULL, NULL, NULL), (201, 2, 1, 1.000), (202, 2, 1, 1.0);
INSERT INTO e VALUES (2, 3), (2, 2);
SELECT * FROM test.wrong('kept');
-- nothing_is_left
DELETE FROM b;
SELECT * FROM test.wrong('kept');
INSERT INTO b SELECT g, g % 5, g % 6 FROM generate_series(1, 20) g;
SELECT * FROM test.wrong('kept');
DELETE FROM a;
SELECT * FROM test.wrong('kept');
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('correlated_ctes.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA correlated_ctes CASCADE;
