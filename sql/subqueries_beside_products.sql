-- A condition with a sub-query filters the join of the tables that it reads, and not their product with the other tables.
SET client_min_messages = warning;
CREATE SCHEMA subqueries_beside_products;
SET search_path = subqueries_beside_products;
CREATE TABLE a (id int PRIMARY KEY, k int, v int);
CREATE TABLE b (id int PRIMARY KEY, k int, v int);
CREATE TABLE c (id int PRIMARY KEY, k int, v int);
CREATE TABLE d (id int PRIMARY KEY, k int, v int);
CREATE TABLE e (id int PRIMARY KEY, k int, v int);
INSERT INTO a SELECT g, nullif(g % 7, 3), g % 5 FROM generate_series(1, 12) g;
INSERT INTO b SELECT g, nullif(g % 5, 2), g % 4 FROM generate_series(1, 11) g;
INSERT INTO c SELECT g, g % 3, nullif(g % 6, 1) FROM generate_series(1, 10) g;
INSERT INTO d SELECT g, g % 4, nullif(g % 5, 1) FROM generate_series(1, 9) g;
INSERT INTO e SELECT g, nullif(g % 6, 2), g % 7 FROM generate_series(1, 14) g;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('of_two', $$SELECT a.id, b.v, c.v AS w, d.id AS x FROM a, b, c, d WHERE a.id IN (SELECT e.v FROM e WHERE e.k < d.v)$$),
  ('of_two_that_are_joined', $$SELECT a.id, b.v, c.v AS w FROM a, b, c WHERE a.k = c.k AND NOT EXISTS (SELECT FROM e WHERE e.k = a.v AND e.v > c.v)$$),
  ('of_all_after_of_two', $$SELECT a.id, b.v, c.v AS w FROM a, b, c WHERE EXISTS (SELECT FROM e WHERE e.v = a.v AND e.k > b.v + c.k) AND a.id NOT IN (SELECT e.k FROM e WHERE e.id > b.id)$$),
  ('an_order_connects', $$SELECT a.id, b.v, c.v AS w FROM a, b, c WHERE a.v < b.v AND b.id < c.id AND EXISTS (SELECT FROM e WHERE e.k = a.k AND e.v < c.k)$$),
  ('values_of_one', $$SELECT a.id, b.v, c.v AS w FROM a, b, c WHERE a.v < (SELECT sum(e.v) FROM e WHERE e.k = b.k) OR b.v IN (SELECT e.k FROM e) AND c.id < 4$$),
  ('compared_with_one', $$SELECT a.id, b.v, c.v AS w FROM a, b, c WHERE a.v = (SELECT max(e.v) FROM e WHERE e.k = b.k) AND a.v + c.v > (SELECT min(v) FROM e)$$),
  ('in_a_subquery', $$SELECT id, (SELECT count(*) FROM a, b, c WHERE a.id IN (SELECT e.k FROM e WHERE e.v < b.v + d.v) AND c.v > d.v) AS n FROM d$$),
  ('beside_a_lateral_item', $$SELECT a.id, l.x, c.v FROM a, b, LATERAL (SELECT a.v + b.v AS x) l, c WHERE l.x IN (SELECT e.v FROM e WHERE e.k = c.k)$$);
SELECT pgtrickle.create_stream_table('subqueries_beside_products.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- where_the_conditions_are
SELECT name, result FROM kept, LATERAL pgtrickle.validate_query(query) WHERE check_name = 'operators' AND name NOT LIKE 'in_%' \g (format=unaligned)
-- filled
SELECT * FROM test.wrong('kept');
-- several_tables_change
UPDATE a SET v = v + 1, k = 1 WHERE id % 3 = 0;
INSERT INTO b VALUES (50, NULL, 3), (51, 1, NULL);
DELETE FROM c WHERE id % 4 = 1;
UPDATE d SET v = 7 WHERE id < 3;
SELECT * FROM test.wrong('kept');
-- rows_of_the_subqueries_change
UPDATE e SET k = NULL WHERE id = 5;
DELETE FROM e WHERE id % 4 = 0;
SELECT * FROM test.wrong('kept');
-- all_change
INSERT INTO e VALUES (60, 1, 2), (61, NULL, 3), (62, 4, 4);
UPDATE a SET k = id % 3;
UPDATE b SET v = v + 1 WHERE id < 5;
UPDATE c SET k = k + 1 WHERE id < 6;
DELETE FROM d WHERE id = 4;
SELECT * FROM test.wrong('kept');
-- nothing_is_left
DELETE FROM e;
SELECT * FROM test.wrong('kept');
-- all_of_it_by_deltas
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('subqueries_beside_products.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
-- values_that_may_fail_are_computed_for_the_rows_of_the_query
CREATE TABLE m (id int PRIMARY KEY, x int); CREATE TABLE n (id int PRIMARY KEY, y int);
INSERT INTO m VALUES (1, 0);
SELECT pgtrickle.create_stream_table('subqueries_beside_products.failing', 'SELECT m.id, n.id AS nid FROM m, n WHERE n.y < (SELECT 10 / m.x)', '520w', 'DIFFERENTIAL') \g /dev/null
INSERT INTO m VALUES (2, 0), (3, 5);
SELECT pgtrickle.refresh_stream_table('failing') \g /dev/null
DELETE FROM m WHERE x = 0; INSERT INTO n VALUES (1, 1), (2, 2);
SELECT pgtrickle.refresh_stream_table('failing') \g /dev/null
SELECT * FROM failing;
DROP SCHEMA subqueries_beside_products CASCADE;
