-- The statements of docs/migrating.md; a lint rule compares the document with the output.
CREATE TABLE customers (id int PRIMARY KEY, region text);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, amount numeric);
CREATE INDEX ON orders (customer);
INSERT INTO customers VALUES (1, 'north'), (2, 'south');
INSERT INTO orders VALUES (1, 1, 10.50), (2, 1, 20), (3, 2, 5);
CREATE MATERIALIZED VIEW revenue AS
  SELECT c.region, count(*) AS orders, sum(o.amount) AS total
  FROM orders o JOIN customers c ON c.id = o.customer GROUP BY c.region;
SELECT check_name, result FROM pgtrickle.validate_query(pg_get_viewdef('revenue'::regclass))
  WHERE check_name = 'maintenance';
\o /dev/null
SELECT pgtrickle.create_stream_table('revenue_new', pg_get_viewdef('revenue'::regclass), schedule => '1m');
\o
SELECT count(*) AS different FROM ((TABLE revenue EXCEPT ALL TABLE revenue_new)
                                   UNION ALL (TABLE revenue_new EXCEPT ALL TABLE revenue)) d;
BEGIN;
ALTER MATERIALIZED VIEW revenue RENAME TO revenue_old;
ALTER FOREIGN TABLE revenue_new RENAME TO revenue;
GRANT SELECT ON revenue TO PUBLIC;
COMMIT;
CREATE INDEX ON revenue (total);
DROP MATERIALIZED VIEW revenue_old;
CREATE TABLE totals (customer int PRIMARY KEY, total numeric);
INSERT INTO totals SELECT customer, sum(amount) FROM orders GROUP BY customer;
CREATE FUNCTION add_to_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO totals VALUES (NEW.customer, NEW.amount)
    ON CONFLICT (customer) DO UPDATE SET total = totals.total + NEW.amount;
  RETURN NULL;
END $$;
CREATE TRIGGER add_to_total AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION add_to_total();
DELETE FROM orders WHERE id = 3;   -- which no trigger thought of
CREATE FOREIGN TABLE totals_new (customer int, total numeric) SERVER pgtrickle
  OPTIONS (query 'SELECT customer, sum(amount) FROM orders GROUP BY customer', schedule '0s');
TABLE totals EXCEPT ALL TABLE totals_new;
DROP TRIGGER add_to_total ON orders;
DROP FUNCTION add_to_total();
DROP TABLE totals;
ALTER FOREIGN TABLE totals_new RENAME TO totals;
\o /dev/null
SELECT pgtrickle.create_stream_table('quick', 'SELECT id FROM orders', cdc_mode => 'trigger');
\o
\o /dev/null
SELECT pgtrickle.bulk_create('[
  {"name": "by_customer", "query": "SELECT customer, count(*) FROM orders GROUP BY customer", "schedule": "1m"},
  {"name": "customers_of", "query": "SELECT count(*) FROM by_customer"}]');
SELECT pgtrickle.bulk_drop_stream_tables(ARRAY['by_customer', 'customers_of', 'quick']);
\o
CREATE TABLE totals_kept AS SELECT * FROM totals;
DROP FOREIGN TABLE totals;

-- Not in the document: settings and values that it names.
SELECT pgtrickle.create_stream_table('parted', 'SELECT id FROM orders', partition_by => 'id');
SET pg_trickle.allow_circular = on;
SET pg_trickle.on_error = 'fail';
SET pg_trickle.of_the_public_extension = on;

-- Nothing is left behind.
SELECT count(*) > 0 AS has_triggers FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgfoid = 'pgtrickle.pgt_capture'::regproc;
DROP FOREIGN TABLE revenue;
DO $$
BEGIN
  FOR attempt IN 1..600 LOOP
    EXIT WHEN NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgfoid = 'pgtrickle.pgt_capture'::regproc);
    PERFORM pg_sleep(0.05);
  END LOOP;
END $$;
SELECT count(*) > 0 AS has_triggers FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgfoid = 'pgtrickle.pgt_capture'::regproc;
DROP TABLE orders, customers, totals_kept;
