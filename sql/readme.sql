-- The session on README's first screen; a lint rule holds the two together.
SET client_min_messages = warning;
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
SET pg_trickle.max_staleness = 0;   -- this session wants it fresh
SELECT * FROM revenue ORDER BY region;

DROP FOREIGN TABLE revenue;
DROP TABLE orders, customers;
