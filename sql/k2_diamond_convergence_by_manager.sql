-- Two paths from one source, by disjoint filters, add up to the source: the manager alone refreshes.
SET client_min_messages = warning;
-- Reads accept any age: only the manager refreshes, on schedule.
SET pg_trickle.max_staleness = '1h';
CREATE TABLE ks_products (id int PRIMARY KEY, name text, price numeric);
INSERT INTO ks_products VALUES
  (1, 'Pen', 10), (2, 'Notebook', 30), (3, 'Laptop', 999), (4, 'Mouse', 25), (5, 'Monitor', 300);
\set ks_expensive_query 'SELECT id, name, price FROM ks_products WHERE price > 50'
SELECT pgtrickle.create_stream_table('ks_expensive', :'ks_expensive_query', '1s', 'DIFFERENTIAL');
\set ks_cheap_query 'SELECT id, name, price FROM ks_products WHERE price <= 50'
SELECT pgtrickle.create_stream_table('ks_cheap', :'ks_cheap_query', '1s', 'DIFFERENTIAL');
-- as filled
SELECT * FROM ks_expensive ORDER BY id;
SELECT * FROM ks_cheap ORDER BY id;
-- one product changes sides, one comes, one goes
UPDATE ks_products SET price = 75 WHERE id = 2;
INSERT INTO ks_products VALUES (6, 'Cable', 5);
DELETE FROM ks_products WHERE id = 4;
SELECT test.wait_until_equal('ks_expensive', :'ks_expensive_query');
SELECT test.wait_until_equal('ks_cheap', :'ks_cheap_query');
SELECT * FROM ks_expensive ORDER BY id;
SELECT * FROM ks_cheap ORDER BY id;
-- the union of both is the source
WITH parts AS (SELECT * FROM ks_expensive UNION ALL SELECT * FROM ks_cheap)
SELECT (SELECT count(*) FROM (SELECT * FROM parts EXCEPT ALL SELECT * FROM ks_products) x) AS only_in_parts,
       (SELECT count(*) FROM (SELECT * FROM ks_products EXCEPT ALL SELECT * FROM parts) x) AS only_in_source;
SELECT pgtrickle.drop_stream_table('ks_expensive');
SELECT pgtrickle.drop_stream_table('ks_cheap');
DROP TABLE ks_products;
