-- Two paths from one source, by disjoint filters, add up to the source: a plain read causes the refresh.
SET client_min_messages = warning;
SET pg_trickle.max_staleness = 0;
CREATE TABLE ks_products (id int PRIMARY KEY, name text, price numeric);
INSERT INTO ks_products VALUES
  (1, 'Pen', 10), (2, 'Notebook', 30), (3, 'Laptop', 999), (4, 'Mouse', 25), (5, 'Monitor', 300);
\set ks_expensive_query 'SELECT id, name, price FROM ks_products WHERE price > 50'
SELECT pgtrickle.create_stream_table('ks_expensive', :'ks_expensive_query', '520w', 'DIFFERENTIAL');
\set ks_cheap_query 'SELECT id, name, price FROM ks_products WHERE price <= 50'
SELECT pgtrickle.create_stream_table('ks_cheap', :'ks_cheap_query', '520w', 'DIFFERENTIAL');
-- as filled
SELECT * FROM ks_expensive ORDER BY id;
SELECT * FROM ks_cheap ORDER BY id;
-- one product changes sides, one comes, one goes
UPDATE ks_products SET price = 75 WHERE id = 2;
INSERT INTO ks_products VALUES (6, 'Cable', 5);
DELETE FROM ks_products WHERE id = 4;
SELECT count(*) AS too_much FROM (SELECT * FROM ks_expensive EXCEPT ALL (:ks_expensive_query)) x;
SELECT count(*) AS missing FROM ((:ks_expensive_query) EXCEPT ALL SELECT * FROM ks_expensive) x;
SELECT * FROM ks_expensive ORDER BY id;
SELECT count(*) AS too_much FROM (SELECT * FROM ks_cheap EXCEPT ALL (:ks_cheap_query)) x;
SELECT count(*) AS missing FROM ((:ks_cheap_query) EXCEPT ALL SELECT * FROM ks_cheap) x;
SELECT * FROM ks_cheap ORDER BY id;
-- the union of both is the source
WITH parts AS (SELECT * FROM ks_expensive UNION ALL SELECT * FROM ks_cheap)
SELECT (SELECT count(*) FROM (SELECT * FROM parts EXCEPT ALL SELECT * FROM ks_products) x) AS only_in_parts,
       (SELECT count(*) FROM (SELECT * FROM ks_products EXCEPT ALL SELECT * FROM parts) x) AS only_in_source;
SELECT pgtrickle.drop_stream_table('ks_expensive');
SELECT pgtrickle.drop_stream_table('ks_cheap');
DROP TABLE ks_products;
