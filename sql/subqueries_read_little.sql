-- With an index on the columns that subqueries compare, a refresh reads no source as a whole.
SET client_min_messages = warning;
CREATE SCHEMA subqueries_read_little;
SET search_path = subqueries_read_little;
CREATE TABLE customer (id int PRIMARY KEY, region int, name text);
CREATE TABLE orders (id int PRIMARY KEY, customer int, amount numeric);
CREATE TABLE item (id int PRIMARY KEY, orders int, qty int);
INSERT INTO customer SELECT g, g % 3000, 'c' || g FROM generate_series(1, 30000) g;
INSERT INTO orders SELECT g, 1 + g % 30000, g % 97 FROM generate_series(1, 30000) g;
INSERT INTO item SELECT g, 1 + g % 30000, g % 7 FROM generate_series(1, 30000) g;
CREATE INDEX ON orders (customer);
CREATE INDEX ON orders (amount);
CREATE INDEX ON item (orders);
CREATE INDEX ON customer (region);
CREATE INDEX ON customer (substr(name, 2));
CREATE INDEX ON orders ((amount::text));
ANALYZE customer, orders, item;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM (VALUES
  ('exists_item', 'SELECT id FROM orders o WHERE EXISTS (SELECT FROM item i WHERE i.orders = o.id)'),
  ('not_exists_others', 'SELECT id FROM orders o WHERE NOT EXISTS (SELECT FROM item i WHERE i.orders = o.id AND i.qty > o.amount)'),
  ('in_orders', 'SELECT id, name FROM customer WHERE id IN (SELECT customer FROM orders WHERE amount > 90)'),
  ('marked', 'SELECT id, EXISTS (SELECT FROM orders o WHERE o.customer = c.id AND o.amount > 90) OR region = 7 AS m FROM customer c'),
  ('counted', 'SELECT c.id, (SELECT count(*) FROM orders o WHERE o.customer = c.id) AS n FROM customer c'),
  ('above_average', 'SELECT o.id FROM orders o WHERE o.amount > (SELECT avg(x.amount) FROM orders x WHERE x.customer = o.customer)'),
  ('above_average_of_all', 'SELECT o.id, c.name FROM orders o JOIN customer c ON c.id = o.customer WHERE o.amount > (SELECT avg(amount) FROM orders) AND NOT EXISTS (SELECT FROM item i WHERE i.orders = o.id)'),
  ('last_item', 'SELECT o.id, (SELECT i.id FROM item i WHERE i.orders = o.id ORDER BY i.qty DESC, i.id LIMIT 1) AS last FROM orders o'),
  ('lateral_sums', 'SELECT c.id, l.s FROM customer c, LATERAL (SELECT sum(amount) AS s FROM orders o WHERE o.customer = c.id) l'),
  ('first_two', 'SELECT c.id, l.* FROM customer c CROSS JOIN LATERAL (SELECT o.id AS oid FROM orders o WHERE o.customer = c.id ORDER BY o.amount, o.id LIMIT 2) l')
) AS t(name, query) \g /dev/null


-- no_source_is_read_whole_after_one_changed_row
SELECT st, change, r.* FROM unnest(ARRAY['exists_item', 'not_exists_others', 'in_orders', 'marked', 'counted', 'above_average', 'above_average_of_all', 'last_item', 'lateral_sums', 'first_two']) st,
  unnest(ARRAY['UPDATE orders SET amount = amount + 1 WHERE id = 7', 'DELETE FROM orders WHERE id = 8', 'INSERT INTO item SELECT max(id) + 1, 77, 3 FROM item',
    'DELETE FROM item WHERE id = 5', 'UPDATE customer SET region = 3 WHERE id = 9']) change,
  LATERAL test.whole_reads(st, change) r;

-- no_joined_source_is_read_while_a_condition_without_columns_is_false
CREATE TABLE low (id int PRIMARY KEY, v int);
CREATE TABLE high (LIKE low INCLUDING ALL);
CREATE TABLE switch (is_on bool);
INSERT INTO low SELECT g, g FROM generate_series(1, 3000) g;
INSERT INTO high TABLE low;
INSERT INTO switch VALUES (false);
ANALYZE low, high, switch;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM (VALUES
  ('switched_on', 'SELECT l.id, h.id AS above FROM low l, high h WHERE l.v < h.v AND h.v < l.v + 2 AND EXISTS (SELECT FROM switch WHERE is_on)'),
  ('switched_off', 'SELECT l.id, h.id AS above FROM low l, high h WHERE l.v < h.v AND h.v < l.v + 2 AND true NOT IN (SELECT NOT is_on FROM switch)')
) AS t(name, query) \g /dev/null
SELECT st, change, r.* FROM unnest(ARRAY['switched_on', 'switched_off']) st,
  unnest(ARRAY['UPDATE low SET v = v + 1 WHERE id < 3', 'UPDATE high SET v = v + 1 WHERE id < 3', 'UPDATE low SET v = v - 1']) change,
  LATERAL test.whole_reads(st, change) r;
UPDATE switch SET is_on = true;
SELECT pgtrickle.refresh_stream_table(st) FROM unnest(ARRAY['switched_on', 'switched_off']) st \g /dev/null
SELECT st, d.* FROM unnest(ARRAY['switched_on', 'switched_off']) st, LATERAL test.differences(st::regclass) d;
DROP SCHEMA subqueries_read_little CASCADE;
