-- Places and contents of recursive CTEs.
SET client_min_messages = warning;
CREATE SCHEMA recursive_queries;
SET search_path = recursive_queries;
CREATE TABLE person (id int PRIMARY KEY, boss int);
CREATE TABLE amount (n numeric, f float8);
CREATE INDEX ON person (boss);
INSERT INTO person SELECT g, nullif(g / 2, 0) FROM generate_series(1, 12) g;

CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('in_a_scalar_subquery', 'SELECT id, (WITH RECURSIVE t AS (SELECT person.id AS x UNION ALL SELECT c.id FROM person c, t WHERE c.boss = t.x) SELECT count(*) FROM t) AS staff FROM person'),
  ('in_lateral', 'SELECT p.id, l.* FROM person p, LATERAL (WITH RECURSIVE t(x, d) AS (SELECT p.boss, 1 UNION SELECT c.boss, d + 1 FROM person c, t WHERE c.id = t.x) SELECT x, d FROM t WHERE x IS NOT NULL) l'),
  ('in_exists', 'SELECT id FROM person WHERE EXISTS (WITH RECURSIVE t AS (SELECT person.boss AS x UNION SELECT c.boss FROM person c, t WHERE c.id = t.x) SELECT FROM t WHERE x = 2)'),
  ('in_in', 'SELECT id FROM person WHERE id IN (WITH RECURSIVE t AS (SELECT id FROM person WHERE boss IS NULL UNION SELECT c.id FROM person c, t WHERE c.boss = t.id AND c.id % 2 = 1) SELECT * FROM t)'),
  ('in_from', 'SELECT p.id, q.n FROM person p LEFT JOIN (WITH RECURSIVE t AS (SELECT id, 0 AS n FROM person WHERE boss IS NULL UNION ALL SELECT c.id, n + 1 FROM person c, t WHERE c.boss = t.id) SELECT id, n FROM t) q ON q.id = p.boss'),
  ('with_exists', 'WITH RECURSIVE t AS (SELECT id FROM person WHERE boss IS NULL UNION SELECT c.id FROM person c, t WHERE c.boss = t.id AND EXISTS (SELECT FROM person e WHERE e.boss = c.id)) SELECT * FROM t'),
  ('with_not_in_and_a_function', 'WITH RECURSIVE t AS (SELECT id, 1 AS n FROM person WHERE boss IS NULL UNION ALL SELECT c.id, s FROM t JOIN person c ON c.boss = t.id, generate_series(1, 2) s WHERE c.id NOT IN (SELECT id FROM person WHERE id > 9)) SELECT * FROM t'),
  ('with_exists_of_its_own_row', 'WITH RECURSIVE t AS (SELECT id FROM person WHERE boss IS NULL UNION SELECT c.id FROM person c, t WHERE c.boss = t.id AND EXISTS (SELECT FROM person e WHERE e.boss = t.id AND e.id > c.id)) SELECT * FROM t'),
  ('with_not_exists_of_its_own_row', 'WITH RECURSIVE t AS (SELECT id, 0 AS n FROM person WHERE boss IS NULL UNION ALL SELECT c.id, n + 1 FROM person c, t WHERE c.boss = t.id AND NOT EXISTS (SELECT FROM person e WHERE e.boss = t.id AND e.id % 4 = n)) SELECT * FROM t'),
  ('with_distinct', 'WITH RECURSIVE t AS (SELECT id, boss FROM person WHERE id > 8 UNION SELECT DISTINCT c.id, c.boss FROM person c, t WHERE c.id = t.boss) SELECT * FROM t'),
  ('read_twice', 'WITH RECURSIVE t AS (SELECT id, boss FROM person WHERE id > 8 UNION SELECT c.id, c.boss FROM person c, t WHERE c.id = t.boss) SELECT t.*, (SELECT count(*) FROM t u WHERE u.boss = t.id) FROM t'),
  ('within_another', 'WITH RECURSIVE s AS (SELECT 1 AS id UNION SELECT p.id FROM person p JOIN s ON p.boss = s.id JOIN (WITH RECURSIVE u AS (SELECT boss AS id FROM person WHERE id > 7 UNION SELECT p.boss FROM person p, u WHERE p.id = u.id) SELECT id FROM u) v ON v.id = p.id) SELECT id FROM s'),
  ('limited', 'WITH RECURSIVE t AS (SELECT id, 0 AS n FROM person WHERE boss IS NULL UNION ALL SELECT c.id, n + 1 FROM person c, t WHERE c.boss = t.id) SELECT id, n FROM t ORDER BY n DESC, id LIMIT 3'),
  ('whole_rows', 'WITH RECURSIVE t AS (SELECT id, boss FROM person WHERE id > 8 UNION SELECT c.id, c.boss FROM person c, t WHERE c.id = t.boss) SELECT t::text AS row, t.id FROM t'),
  ('nobody_reads_its_columns', 'WITH RECURSIVE t AS (SELECT id FROM person WHERE boss IS NULL UNION ALL SELECT c.id FROM person c, t WHERE c.boss = t.id) SELECT count(*) FROM t, person');
SELECT pgtrickle.create_stream_table('recursive_queries.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- filled
SELECT * FROM test.wrong('kept');
-- inserted, moved, deleted, both at once
INSERT INTO person VALUES (13, 6), (14, 13);
SELECT * FROM test.wrong('kept');
UPDATE person SET boss = 3 WHERE id = 4;
SELECT * FROM test.wrong('kept');
DELETE FROM person WHERE id IN (5, 6);
SELECT * FROM test.wrong('kept');
INSERT INTO person VALUES (6, 3);
UPDATE person SET boss = 1 WHERE id = 13;
UPDATE person SET boss = NULL WHERE id = 3;
SELECT * FROM test.wrong('kept');
DELETE FROM person;
SELECT * FROM test.wrong('kept');

-- objections
\set VERBOSITY terse
SELECT pgtrickle.create_stream_table('x', 'WITH RECURSIVE t(x) AS (SELECT n FROM amount UNION SELECT n + 1 FROM amount, t WHERE n = x) SELECT x FROM t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('x', 'WITH RECURSIVE t(x) AS (SELECT id FROM person UNION (SELECT c.id FROM person c, t WHERE c.boss = x UNION ALL SELECT 1)) SELECT x FROM t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('x', 'WITH RECURSIVE t(x) AS (SELECT id FROM person UNION SELECT row_number() OVER ()::int FROM person, t WHERE boss = x) SELECT x FROM t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('x', 'WITH RECURSIVE t(x) AS (SELECT id FROM person UNION ALL SELECT DISTINCT c.id FROM person c, t WHERE boss = x) SELECT x FROM t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('x', 'WITH RECURSIVE t(x) AS (SELECT id FROM person UNION (SELECT c.id FROM person c, t WHERE c.boss = x EXCEPT SELECT 1)) SELECT x FROM t', '520w', 'DIFFERENTIAL');
DROP SCHEMA recursive_queries CASCADE;
