-- Window functions, whatever their partitions, orders and frames, equal a run of the query after each change.
SET client_min_messages = warning;
CREATE SCHEMA windows;
SET search_path = windows, public;
CREATE TABLE sale (id int PRIMARY KEY, shop int, day date, amount numeric(10,2), kind text);
INSERT INTO sale SELECT g, nullif(g % 7, 3), date '2024-01-01' + g % 13, (g * 37 % 101)::numeric / 4, substr('abc', 1 + g % 3, 1)
  FROM generate_series(1, 120) g;
CREATE TABLE shop (id int PRIMARY KEY, name text);
INSERT INTO shop SELECT g, 'shop ' || g FROM generate_series(0, 6) g;
CREATE AGGREGATE product(numeric) (sfunc = numeric_mul, stype = numeric, initcond = 1);
CREATE FUNCTION nearest(a numeric, b int DEFAULT 1) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT round(a / b) * b';

CREATE TABLE defined (name text PRIMARY KEY, query text);
INSERT INTO defined VALUES
  ('numbered', 'SELECT id, shop, row_number() OVER (PARTITION BY shop ORDER BY amount DESC, id) AS n FROM sale'),
  ('ranked', 'SELECT shop, amount, rank() OVER w AS r, dense_rank() OVER w AS d, percent_rank() OVER w AS p, cume_dist() OVER w AS c FROM sale WINDOW w AS (PARTITION BY shop ORDER BY amount DESC NULLS LAST)'),
  ('neighbours', 'SELECT id, lag(amount, 2, -1.00) OVER w AS l, lead(day) OVER w AS d, ntile(4) OVER w AS q, first_value(id) OVER w AS f, nth_value(id, 2) OVER w AS s FROM sale WINDOW w AS (PARTITION BY kind ORDER BY id)'),
  ('running', 'SELECT id, sum(amount) FILTER (WHERE kind <> ''a'') OVER (PARTITION BY shop ORDER BY day) AS s, count(*) OVER (PARTITION BY shop) AS n FROM sale'),
  ('frames', 'SELECT id, sum(amount) OVER (PARTITION BY shop ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS a,
     count(*) OVER (PARTITION BY shop ORDER BY day RANGE BETWEEN ''2 days'' PRECEDING AND CURRENT ROW EXCLUDE TIES) AS b,
     max(id) OVER (PARTITION BY shop ORDER BY day GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS c,
     array_agg(id) OVER (PARTITION BY shop ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE GROUP) AS d FROM sale'),
  ('unpartitioned', 'SELECT id, row_number() OVER (ORDER BY day, id) AS n, sum(amount) OVER () AS s FROM sale WHERE shop < 3'),
  ('several', 'SELECT id, count(*) OVER (PARTITION BY shop) AS a, count(*) OVER (PARTITION BY kind) AS b, rank() OVER (PARTITION BY shop, kind ORDER BY amount) AS c, count(*) OVER () AS d FROM sale'),
  ('by_expression', 'SELECT id, sum(amount) OVER (PARTITION BY date_trunc(''week'', day::timestamp), shop % 2 ORDER BY id) AS s FROM sale'),
  ('top_of_each', 'SELECT id, shop FROM (SELECT id, shop, row_number() OVER (PARTITION BY shop ORDER BY amount DESC, id) AS n FROM sale) x WHERE n <= 3'),
  ('without_its_key', 'SELECT n * 2 AS twice FROM (SELECT row_number() OVER (PARTITION BY shop ORDER BY id) AS n FROM sale) x WHERE n % 5 <> 0'),
  ('over_groups', 'SELECT shop, kind, sum(amount) AS s, rank() OVER (PARTITION BY kind ORDER BY sum(amount) DESC, shop) AS r, sum(count(*)) OVER (PARTITION BY shop) AS n FROM sale GROUP BY shop, kind HAVING count(*) > 1'),
  ('compared_with_subquery', 'SELECT id, rank() OVER (PARTITION BY shop ORDER BY amount, id) IN (SELECT s.id FROM shop s) AS a,
     (shop, row_number() OVER (ORDER BY id)) NOT IN (SELECT s.id, s.id FROM shop s WHERE s.id <> sale.shop) AS b,
     sum((SELECT max(s.id) FROM shop s WHERE s.id <= sale.shop)) OVER (PARTITION BY kind ORDER BY id) > ALL (SELECT s.id FROM shop s) AS c FROM sale'),
  ('grouped_above', 'SELECT n, count(*) AS c, sum(amount) AS s FROM (SELECT amount, row_number() OVER (PARTITION BY shop ORDER BY id) AS n FROM sale) x GROUP BY n'),
  ('window_of_window', 'SELECT id, lag(n) OVER (PARTITION BY kind ORDER BY id) AS p FROM (SELECT id, kind, row_number() OVER (PARTITION BY shop ORDER BY day, id) AS n FROM sale) x'),
  ('joined', 'SELECT h.name, x.id, x.n FROM shop h JOIN (SELECT id, shop, rank() OVER (PARTITION BY shop ORDER BY amount) AS n FROM sale) x ON x.shop = h.id WHERE x.n < 4'),
  ('over_join', 'SELECT h.name, s.id, count(s.id) OVER (PARTITION BY h.id) AS n FROM shop h LEFT JOIN sale s ON s.shop = h.id'),
  ('over_union', 'SELECT k, v, sum(v) OVER (PARTITION BY k ORDER BY v) AS s FROM (SELECT shop AS k, id AS v FROM sale UNION ALL SELECT id, id * 100 FROM shop) u'),
  ('distinct_above', 'SELECT DISTINCT shop, max(amount) OVER (PARTITION BY shop) AS m FROM sale'),
  ('of_own_functions', 'SELECT id, product(nearest(amount, b => 5) / 10 + 1) OVER (PARTITION BY shop ORDER BY id ROWS 2 PRECEDING) AS p, count(*) OVER (PARTITION BY nearest(amount)) AS n, rank() OVER (ORDER BY kind COLLATE "C" USING >, nearest(amount, 2) NULLS FIRST) AS r FROM sale'),
  ('used_in_expression', 'SELECT id, CASE WHEN count(*) OVER (PARTITION BY shop) > 15 THEN ''many'' ELSE ''few'' END AS w, amount / nullif(sum(amount) OVER (PARTITION BY kind), 0) AS part FROM sale');
SELECT pgtrickle.create_stream_table('windows.' || name, query, '520w', 'DIFFERENTIAL') FROM defined \g /dev/null


-- filled
SELECT * FROM test.wrong('defined');
-- a_row_comes_and_one_goes
INSERT INTO sale VALUES (200, 1, '2024-01-05', 12.5, 'a');
DELETE FROM sale WHERE id = 11;
SELECT * FROM test.wrong('defined');
-- a_row_moves_to_another_partition
UPDATE sale SET shop = 5, kind = 'b' WHERE id IN (21, 22);
SELECT * FROM test.wrong('defined');
-- the_partition_of_null
INSERT INTO sale VALUES (201, NULL, '2024-01-05', NULL, NULL), (202, NULL, '2024-01-05', NULL, NULL);
UPDATE sale SET shop = NULL WHERE id = 30;
SELECT * FROM test.wrong('defined');
UPDATE sale SET amount = 1 WHERE shop IS NULL AND amount IS NULL;
SELECT * FROM test.wrong('defined');
-- both_sides_of_a_join_change
UPDATE shop SET id = 7, name = 'moved' WHERE id = 4;
UPDATE sale SET shop = 7, amount = amount + 1 WHERE shop = 4;
INSERT INTO sale VALUES (203, 8, '2024-03-01', 3, 'c');
SELECT * FROM test.wrong('defined');
-- a_partition_goes_as_a_whole
DELETE FROM sale WHERE shop = 5;
SELECT * FROM test.wrong('defined');
-- comes_and_goes_between_two_refreshes
BEGIN;
INSERT INTO sale VALUES (300, 1, '2024-01-01', 1, 'a');
UPDATE sale SET shop = 2 WHERE id = 300;
COMMIT;
DELETE FROM sale WHERE id = 300;
SELECT * FROM test.wrong('defined');
-- everything_goes_and_comes_back
DELETE FROM sale;
SELECT * FROM test.wrong('defined');
INSERT INTO sale SELECT g, g % 3, date '2024-02-01' + g % 5, g, 'x' FROM generate_series(1, 20) g;
SELECT * FROM test.wrong('defined');
DROP SCHEMA windows CASCADE;
