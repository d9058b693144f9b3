-- Groups that are recomputed are read through an index on their key: no source is read as a whole.
SET client_min_messages = warning;
CREATE SCHEMA aggregate_reads_library;
CREATE EXTENSION citext SCHEMA aggregate_reads_library;
CREATE SCHEMA aggregate_reads_little;
SET search_path = aggregate_reads_little, aggregate_reads_library;
CREATE TABLE customer (id int PRIMARY KEY, region int, name citext);
CREATE TABLE orders (id int PRIMARY KEY, customer int, amount numeric, share float8);
INSERT INTO customer SELECT g, g % 3000, 'c' || g FROM generate_series(1, 30000) g;
INSERT INTO orders SELECT g, 1 + g % 30000, g % 97, g % 9 FROM generate_series(1, 30000) g;
CREATE INDEX ON orders (customer);
CREATE INDEX ON orders (amount, customer);
CREATE INDEX ON customer (region);
CREATE INDEX ON customer (name);
ANALYZE customer, orders;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM (VALUES
  ('arrays', 'SELECT customer, array_agg(id ORDER BY amount, id), count(DISTINCT amount), sum(share) FROM orders GROUP BY customer'),
  ('kinds', 'SELECT count(DISTINCT customer) AS c, count(DISTINCT (amount, share)) FILTER (WHERE id > 3) AS p, sum(DISTINCT id), count(*) FROM orders'),
  ('medians', 'SELECT c.region, percentile_cont(0.5) WITHIN GROUP (ORDER BY o.amount) FROM customer c JOIN orders o ON o.customer = c.id GROUP BY c.region'),
  ('sets', 'SELECT customer, id, count(*), max(amount), string_agg(id::text, '''') FROM orders GROUP BY GROUPING SETS ((customer), (id))'),
  ('by_name', 'SELECT name, count(*), max(region) FROM customer GROUP BY name'),
  ('names', 'SELECT DISTINCT name FROM customer'),
  ('of_groups', 'SELECT c.name, a.ids FROM customer c JOIN (SELECT customer, array_agg(id ORDER BY id) AS ids FROM orders GROUP BY customer) a ON a.customer = c.id')
) AS t(name, query) \g /dev/null

-- no_source_is_read_whole_after_one_changed_row
SELECT st, change, r.* FROM unnest(ARRAY['arrays', 'kinds', 'medians', 'sets', 'by_name', 'names', 'of_groups']) st,
  unnest(ARRAY['UPDATE orders SET amount = amount + 1 WHERE id = 7', 'DELETE FROM orders WHERE id = 8', 'INSERT INTO orders SELECT max(id) + 1, 77, 3, 1 FROM orders',
    'UPDATE customer SET name = upper(name) WHERE id = 9', 'DELETE FROM customer WHERE id = 10', 'UPDATE customer SET region = 5 WHERE id = 11']) change,
  LATERAL test.whole_reads(st, change) r;
-- the_statistics_do_show_a_whole_read
DROP INDEX orders_customer_idx, orders_amount_customer_idx;
SELECT st, r.source, r.read_whole > 0 AS read_whole FROM unnest(ARRAY['arrays']) st, LATERAL test.whole_reads(st, 'UPDATE orders SET share = -7 WHERE id = 7') r;
DROP SCHEMA aggregate_reads_little, aggregate_reads_library CASCADE;
