-- The value of a subquery keeps the type modifier of its column: otherwise the storage would not have the declared type.
SET client_min_messages = warning;
CREATE SCHEMA typmods_of_subqueries;
SET search_path = typmods_of_subqueries, public;
CREATE TABLE dim (g int PRIMARY KEY, m numeric(8,2));
CREATE TABLE ev (id int PRIMARY KEY, g int, m numeric(8,2), v varchar(10), c char(4), t timestamp(0), b bit(3), a numeric(8,2)[]);
INSERT INTO dim VALUES (1, 0.5), (2, 7), (3, NULL), (9, 9);
INSERT INTO ev SELECT g, g % 3 + 1, g / 2.0, 'v' || g, 'c' || g, '2024-01-01'::timestamp + g * interval '1 h', (g % 8)::bit(3), ARRAY[g, g / 3.0] FROM generate_series(1, 8) g;
CREATE TABLE queries (name text, query text);
INSERT INTO queries VALUES
  ('scalars', 'SELECT g, (SELECT m FROM ev WHERE id = dim.g) AS m, (SELECT v FROM ev WHERE id = dim.g) AS v, (SELECT c FROM ev WHERE id = dim.g) AS c, (SELECT t FROM ev WHERE id = dim.g) AS t, (SELECT b FROM ev WHERE id = dim.g) AS b, (SELECT a FROM ev WHERE id = dim.g) AS a FROM dim'),
  ('arrays', 'SELECT g, ARRAY(SELECT e.m FROM ev e WHERE e.g = dim.g ORDER BY e.id) AS m, ARRAY(SELECT v FROM ev e WHERE e.g = dim.g ORDER BY id) AS v FROM dim'),
  ('mixed', 'SELECT g, coalesce((SELECT e.m FROM ev e WHERE e.id = dim.g), m) AS c, CASE WHEN g > 1 THEN (SELECT e.m FROM ev e WHERE e.id = dim.g) ELSE m END AS w, (SELECT e.m FROM ev e WHERE e.id = 4) AS u, (SELECT e.m FROM ev e WHERE e.id = dim.g)::numeric(6,1) AS x, (SELECT m) AS own FROM dim'),
  ('limited', 'SELECT g, (SELECT e.m FROM ev e WHERE e.g = dim.g ORDER BY e.id DESC LIMIT 1) AS m FROM dim ORDER BY g LIMIT 3'),
  ('grouped', 'SELECT (SELECT e.m FROM ev e WHERE e.id = dim.g) AS m, count(*) AS n FROM dim GROUP BY 1'),
  ('distinct_ones', 'SELECT DISTINCT (SELECT e.v FROM ev e WHERE e.id = dim.g) AS v FROM dim'),
  ('numbered', 'SELECT g, (SELECT e.v FROM ev e WHERE e.id = dim.g) AS v, row_number() OVER (ORDER BY g) AS n FROM dim'),
  ('united', 'SELECT (SELECT e.m FROM ev e WHERE e.id = dim.g) AS m FROM dim UNION ALL SELECT m FROM ev'),
  ('compared', 'SELECT g, m FROM dim WHERE m > (SELECT e.m FROM ev e WHERE e.id = dim.g)');
SELECT pgtrickle.create_stream_table('typmods_of_subqueries.' || name, query, '520w', 'DIFFERENTIAL') FROM queries;
SELECT c.relname, string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS columns
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relkind = 'f' AND relnamespace = 'typmods_of_subqueries'::regnamespace AND attnum > 0 GROUP BY 1 ORDER BY 1;
UPDATE ev SET m = m + 1.23, v = v || 'x' WHERE id < 4; INSERT INTO dim VALUES (4, 4.4), (100, 1); DELETE FROM ev WHERE id = 2;
SELECT * FROM test.wrong('queries');
SELECT * FROM mixed ORDER BY g;
DROP SCHEMA typmods_of_subqueries CASCADE;
