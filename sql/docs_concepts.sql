-- The statements of docs/concepts.md; a lint rule compares the document with the output.
CREATE TABLE orders (id int PRIMARY KEY, customer int, amount numeric, paid bool);
INSERT INTO orders VALUES (1, 1, 10, true), (2, 1, 20, false), (3, 2, 5, true), (4, 2, 70, false);
CREATE FOREIGN TABLE paid (customer int, paid numeric) SERVER pgtrickle
  OPTIONS (query 'SELECT customer, sum(amount) FROM orders WHERE paid GROUP BY customer', schedule '1h');
INSERT INTO orders VALUES (5, 1, 30, true);
SELECT source_name, pending_rows FROM pgtrickle.list_sources('paid');
SELECT * FROM paid ORDER BY customer;
SET pg_trickle.max_staleness = 0;
SELECT * FROM paid ORDER BY customer;
SET pg_trickle.read_mode = exact;
INSERT INTO orders VALUES (6, 2, 25, true);
SELECT * FROM paid ORDER BY customer;
DELETE FROM orders WHERE id = 6;
RESET pg_trickle.read_mode;
CREATE FOREIGN TABLE open (customer int, open numeric) SERVER pgtrickle
  OPTIONS (query 'SELECT customer, sum(amount) FROM orders WHERE NOT paid GROUP BY customer', schedule '1h');
CREATE FOREIGN TABLE balance (customer int, paid numeric, open numeric) SERVER pgtrickle
  OPTIONS (query 'SELECT p.customer, p.paid, o.open FROM paid p LEFT JOIN open o USING (customer)', schedule '1h');
SELECT member_name, is_convergence, diamond_consistency, schedule_policy
  FROM pgtrickle.diamond_groups() ORDER BY member_name;
\o /dev/null
SELECT pgtrickle.create_refresh_group('accounts', ARRAY['paid', 'open']);
\o
SELECT group_name, members, isolation FROM pgtrickle.refresh_groups();
\o /dev/null
SELECT pgtrickle.drop_refresh_group('accounts');
\o
BEGIN;
UPDATE orders SET paid = true WHERE id = 2;
SELECT * FROM balance ORDER BY customer;
ROLLBACK;
SELECT * FROM balance ORDER BY customer;
BEGIN ISOLATION LEVEL REPEATABLE READ;
LOCK TABLE balance IN ACCESS SHARE MODE;
SELECT count(*) FROM balance;
COMMIT;
DELETE FROM paid;

-- Not in the document.
DROP FOREIGN TABLE balance, open, paid;
DROP TABLE orders;
