-- The statements of docs/sql.md; a lint rule compares the document with the output.
CREATE TABLE customers (id int PRIMARY KEY, region text);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, amount numeric, placed timestamptz);
INSERT INTO customers VALUES (1, 'north'), (2, 'south');
INSERT INTO orders VALUES (1, 1, 10.50), (2, 1, 20), (3, 2, 5);

SELECT * FROM pgtrickle.validate_query('SELECT c.region, count(*) FROM orders o JOIN customers c ON c.id = o.customer
                                        GROUP BY c.region');

SELECT check_name, result, severity FROM pgtrickle.validate_query('SELECT id, now() FROM orders');

CREATE FOREIGN TABLE revenue (region text, orders bigint, total numeric)
  SERVER pgtrickle
  OPTIONS (query 'SELECT c.region, count(*), sum(o.amount)
                  FROM orders o JOIN customers c ON c.id = o.customer
                  GROUP BY c.region', schedule '1m');

SELECT value FROM pgtrickle.explain_st('revenue') WHERE property = 'missing index';

\o /dev/null
SELECT pgtrickle.create_stream_table('latest',
  'SELECT DISTINCT ON (customer) customer, id, amount FROM orders ORDER BY customer, id DESC', '1m');
\o

SELECT pgtrickle.create_stream_table('recent', 'SELECT id FROM orders WHERE placed > now() - interval ''1 day''',
                                     schedule => '1m', refresh_mode => 'DIFFERENTIAL');

SELECT pgtrickle.create_stream_table('some', 'SELECT id FROM orders LIMIT 5');

SELECT * FROM pgtrickle.explain_refresh_mode('revenue');

\o /dev/null
SELECT pgtrickle.create_stream_table('balance', 'SELECT customer, count(*) AS orders, sum(amount) AS amount
                                                 FROM orders GROUP BY customer', refresh_mode => 'IMMEDIATE');
\o
BEGIN;
INSERT INTO orders (id, customer, amount) VALUES (100, 2, 40);
SELECT * FROM balance WHERE customer = 2;
COMMIT;

ALTER FOREIGN TABLE revenue OPTIONS (SET query 'SELECT c.region, count(*), sum(o.amount), max(o.amount) AS largest
                                                FROM orders o JOIN customers c ON c.id = o.customer GROUP BY c.region');

ALTER FOREIGN TABLE revenue OPTIONS (SET query 'SELECT c.region, max(o.amount) AS largest, count(*), sum(o.amount)
                                                FROM orders o JOIN customers c ON c.id = o.customer GROUP BY c.region');

CREATE FOREIGN TABLE placed_orders () SERVER pgtrickle
  OPTIONS (query 'SELECT id, customer, placed FROM orders', partition_by 'day(placed)');

-- Not in the document: the other constructs that it names.
SELECT pgtrickle.create_stream_table('r', 'SELECT id, random() FROM orders', '1m', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('r', 'SELECT id, CURRENT_USER AS who FROM orders', '1m', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('r', 'SELECT xmin FROM orders', '1m', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('r', 'SELECT id FROM orders FOR UPDATE');
SELECT pgtrickle.create_stream_table('r', 'SELECT id FROM orders TABLESAMPLE system (10)');
SELECT pgtrickle.create_stream_table('r', 'SELECT relname FROM pg_class');
SELECT pgtrickle.create_stream_table('r', 'SELECT id FROM orders; SELECT 1');
SELECT pgtrickle.create_stream_table('r', 'DELETE FROM orders RETURNING id');
SELECT pgtrickle.create_stream_table('r', 'SELECT id FROM orders ORDER BY id');
SELECT pgtrickle.drop_stream_table('r');
SELECT pgtrickle.create_stream_table('r', 'SELECT id FROM (SELECT id FROM orders LIMIT 1) o');
SELECT pgtrickle.drop_stream_table('r');
SELECT pgtrickle.create_stream_table('r', 'SELECT id FROM orders WHERE placed > now() - interval ''1 day''');
SELECT pgtrickle.drop_stream_table('r');

DROP FOREIGN TABLE placed_orders, latest, revenue, balance;
DROP TABLE orders, customers;
