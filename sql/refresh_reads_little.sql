-- With an index on each join and group key, a refresh reads no source as a whole.
SET client_min_messages = warning;
CREATE SCHEMA refresh_reads_little;
SET search_path = refresh_reads_little;
CREATE TABLE customer (id int PRIMARY KEY, region int, name text);
CREATE TABLE orders (id int PRIMARY KEY, customer int, amount numeric);
CREATE TABLE item (id int PRIMARY KEY, orders int, qty int);
INSERT INTO customer SELECT g, g % 3000, 'c' || g FROM generate_series(1, 30000) g;
INSERT INTO orders SELECT g, 1 + g % 30000, g % 97 FROM generate_series(1, 30000) g;
INSERT INTO item SELECT g, 1 + g % 30000, g % 7 FROM generate_series(1, 30000) g;
CREATE INDEX ON orders (customer);
CREATE INDEX ON item (orders);
CREATE INDEX ON customer (region);
CREATE INDEX ON customer (substr(name, 2));
CREATE INDEX ON orders ((amount::text));
ANALYZE customer, orders, item;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM (VALUES
  ('filtered', 'SELECT id, amount FROM orders WHERE amount > 50'),
  ('grouped', 'SELECT customer, count(*), sum(amount), avg(amount) FROM orders GROUP BY customer'),
  ('extrema', 'SELECT customer, min(amount), max(amount) FROM orders GROUP BY customer'),
  ('joined', 'SELECT c.name, o.amount, i.qty FROM customer c JOIN orders o ON o.customer = c.id JOIN item i ON i.orders = o.id'),
  ('joined_on_expressions', 'SELECT c.id, o.customer FROM customer c JOIN orders o ON substr(c.name, 2) = o.amount::text'),
  ('left_joined', 'SELECT o.id, i.qty FROM orders o LEFT JOIN item i ON i.orders = o.id'),
  ('full_joined', 'SELECT o.id, i.qty FROM orders o FULL JOIN item i ON i.orders = o.id'),
  ('join_grouped', 'SELECT c.region, sum(o.amount) FROM customer c JOIN orders o ON o.customer = c.id GROUP BY c.region'),
  ('distinct_customers', 'SELECT DISTINCT customer FROM orders'),
  ('of_two_aggregates', 'SELECT a.customer, a.n, b.q FROM (SELECT customer, count(*) n FROM orders GROUP BY customer) a JOIN (SELECT o.customer, sum(i.qty) q FROM orders o JOIN item i ON i.orders = o.id GROUP BY o.customer) b ON a.customer = b.customer'),
  ('over_left_join', 'SELECT o.customer, count(i.id) FROM orders o LEFT JOIN item i ON i.orders = o.id GROUP BY o.customer'),
  ('unioned', 'SELECT k, count(*) FROM (SELECT customer k FROM orders UNION ALL SELECT orders FROM item) u GROUP BY k')
) AS t(name, query) \g /dev/null


-- no_source_is_read_whole_after_one_changed_row
SELECT st, change, r.* FROM unnest(ARRAY['filtered', 'grouped', 'extrema', 'joined', 'joined_on_expressions', 'left_joined', 'full_joined', 'join_grouped',
    'distinct_customers', 'of_two_aggregates', 'over_left_join', 'unioned']) st,
  unnest(ARRAY['UPDATE orders SET amount = amount + 1 WHERE id = 7', 'DELETE FROM orders WHERE id = 8', 'INSERT INTO item SELECT max(id) + 1, 77, 3 FROM item',
    'DELETE FROM item WHERE id = 5', 'UPDATE customer SET region = 3 WHERE id = 9']) change,
  LATERAL test.whole_reads(st, change) r;

-- nor_when_everything_has_changed
BEGIN;
UPDATE orders SET amount = amount - 1 WHERE id BETWEEN 20 AND 24;
UPDATE item SET qty = qty + 1 WHERE id IN (30, 31);
UPDATE customer SET region = region + 1 WHERE id = 21;
SELECT st, r.* FROM unnest(ARRAY['filtered', 'grouped', 'extrema', 'joined', 'joined_on_expressions', 'left_joined', 'full_joined', 'join_grouped',
    'distinct_customers', 'of_two_aggregates', 'over_left_join', 'unioned']) st, LATERAL test.whole_reads(st, 'SELECT') r;
COMMIT;

-- the_statistics_do_show_a_whole_read
DROP INDEX item_orders_idx;
SELECT st, r.source, r.read_whole > 0 AS read_whole FROM unnest(ARRAY['left_joined']) st, LATERAL test.whole_reads(st, 'UPDATE orders SET id = -7 WHERE id = 7') r;
DROP SCHEMA refresh_reads_little CASCADE;
