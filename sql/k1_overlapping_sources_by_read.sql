-- Two stream tables over overlapping sources are consistent: a plain read causes the refresh.
SET client_min_messages = warning;
SET pg_trickle.max_staleness = 0;
CREATE TABLE ks_orders (id int PRIMARY KEY, customer text, amount numeric);
CREATE TABLE ks_items (id int PRIMARY KEY, order_id int REFERENCES ks_orders (id), product text, qty int);
INSERT INTO ks_orders VALUES (1, 'Alice', 100), (2, 'Bob', 200), (3, 'Charlie', 300);
INSERT INTO ks_items VALUES
  (1, 1, 'Widget', 2), (2, 1, 'Gadget', 1), (3, 2, 'Widget', 5), (4, 3, 'Doohickey', 3);
\set ks_st_a_query 'SELECT customer, SUM(amount) AS total FROM ks_orders GROUP BY customer'
SELECT pgtrickle.create_stream_table('ks_st_a', :'ks_st_a_query', '520w', 'DIFFERENTIAL');
\set ks_st_b_query 'SELECT o.id AS order_id, o.customer, i.product, i.qty FROM ks_orders o JOIN ks_items i ON o.id = i.order_id'
SELECT pgtrickle.create_stream_table('ks_st_b', :'ks_st_b_query', '520w', 'DIFFERENTIAL');
-- as filled
SELECT * FROM ks_st_a ORDER BY customer;
SELECT * FROM ks_st_b ORDER BY order_id, product;
-- mutations in both sources
UPDATE ks_orders SET amount = 150 WHERE id = 1;
INSERT INTO ks_orders VALUES (4, 'Diana', 400);
INSERT INTO ks_items VALUES (5, 4, 'Sprocket', 10);
DELETE FROM ks_items WHERE id = 2;
SELECT count(*) AS too_much FROM (SELECT * FROM ks_st_a EXCEPT ALL (:ks_st_a_query)) x;
SELECT count(*) AS missing FROM ((:ks_st_a_query) EXCEPT ALL SELECT * FROM ks_st_a) x;
SELECT * FROM ks_st_a ORDER BY customer;
SELECT count(*) AS too_much FROM (SELECT * FROM ks_st_b EXCEPT ALL (:ks_st_b_query)) x;
SELECT count(*) AS missing FROM ((:ks_st_b_query) EXCEPT ALL SELECT * FROM ks_st_b) x;
SELECT * FROM ks_st_b ORDER BY order_id, product;
-- every customer of the join is one of the totals
SELECT count(*) AS orphans FROM (SELECT DISTINCT customer FROM ks_st_b EXCEPT SELECT customer FROM ks_st_a) x;
SELECT pgtrickle.drop_stream_table('ks_st_a');
SELECT pgtrickle.drop_stream_table('ks_st_b');
DROP TABLE ks_items, ks_orders;
