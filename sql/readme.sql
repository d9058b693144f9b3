-- The statements of README.md; a lint rule compares the document with the output.
CREATE TABLE customers (id int PRIMARY KEY, region text);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, amount numeric);
CREATE INDEX ON orders (customer);
INSERT INTO customers VALUES (1, 'north'), (2, 'south');
INSERT INTO orders VALUES (1, 1, 10.50), (2, 1, 20), (3, 2, 5);
CREATE FOREIGN TABLE revenue (region text, orders bigint, total numeric)
  SERVER pgtrickle
  OPTIONS (query 'SELECT c.region, count(*), sum(o.amount)
                  FROM orders o JOIN customers c ON c.id = o.customer
                  GROUP BY c.region', schedule '1m');
SELECT * FROM revenue ORDER BY region;
INSERT INTO orders VALUES (4, 2, 70);
UPDATE customers SET region = 'west' WHERE id = 1;
SET pg_trickle.max_staleness = 0;   -- this session reads fresh rows only
SELECT * FROM revenue ORDER BY region;
CREATE ROLE analyst;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO analyst;         -- to create stream tables
GRANT CREATE ON SCHEMA public TO analyst;                   -- or on another schema
GRANT SELECT, TRIGGER ON orders, customers TO analyst;      -- to read the sources, and to keep up with them by deltas
SELECT check_name, result FROM pgtrickle.validate_query('SELECT customer, max(amount) FROM orders GROUP BY customer');
\o /dev/null
SELECT pgtrickle.create_stream_table('largest', 'SELECT customer, max(amount) FROM orders GROUP BY customer',
                                     schedule => '30s');
CREATE INDEX ON public.orders (customer, amount);
SELECT * FROM largest WHERE customer = 2;
SELECT name, status, staleness FROM pgtrickle.pgt_status();
\o
ALTER FOREIGN TABLE largest OPTIONS (SET query 'SELECT customer, max(amount) FROM orders WHERE amount < 50 GROUP BY 1');
ALTER FOREIGN TABLE largest OPTIONS (SET schedule '0s');
CREATE INDEX ON largest (max);
DROP FOREIGN TABLE largest;

-- Not in the document.
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM analyst;
REVOKE CREATE ON SCHEMA public FROM analyst;
DROP FOREIGN TABLE revenue;
DROP TABLE orders, customers;
DROP ROLE analyst;
