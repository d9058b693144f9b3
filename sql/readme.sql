-- The statements of README.md; a lint rule holds the two together.
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

-- The chapter on operations: that each statement runs.
\o /dev/null
SELECT name, status, staleness, consecutive_errors FROM pgtrickle.pgt_status();
SELECT * FROM pgtrickle.pgt_stream_tables;
SELECT start_time, action, rows_inserted, rows_deleted, duration_ms, error_message FROM pgtrickle.get_refresh_history('revenue');
SELECT * FROM pgtrickle.explain_st('revenue');
EXPLAIN SELECT * FROM revenue;
LISTEN pg_trickle_alert;
ALTER FOREIGN TABLE revenue OPTIONS (SET schedule '5s');
CREATE INDEX ON revenue (total);
SELECT pgtrickle.refresh_stream_table('revenue');
SELECT pgtrickle.wait_until_fresh('revenue', '10s');
SELECT pgt_name, status, last_error_message FROM pgtrickle.pgt_stream_tables WHERE status IN ('ERROR', 'SUSPENDED');
SELECT pgtrickle.resume_stream_table('revenue');
SELECT value FROM pgtrickle.explain_st('revenue') WHERE property = 'missing index';
ANALYZE revenue;
SELECT pg_size_pretty(sum(pg_total_relation_size(oid))) FROM pg_class WHERE relnamespace = 'pg_trickle_log'::regnamespace AND relkind = 'r';
SELECT pid, xact_start, state, left(query, 60) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL ORDER BY xact_start;
\o

DROP FOREIGN TABLE revenue;
DROP TABLE orders, customers;
