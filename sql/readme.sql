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
SELECT check_name, severity, detail FROM pgtrickle.health_check();   -- is all well?
SELECT name, status, staleness FROM pgtrickle.pgt_status();   -- how old is each, and is it left alone?
SELECT tree_line, status, refresh_mode FROM pgtrickle.dependency_tree();   -- what is made from what?
SELECT * FROM pgtrickle.pg_stat_stream_tables;   -- what did the refreshes do, and how long did they take?
SELECT * FROM pgtrickle.pg_stat_progress_stream_table;   -- how far are fills and full refreshes?
SELECT * FROM pgtrickle.get_refresh_history('revenue');
SELECT * FROM pgtrickle.explain_st('revenue');
SELECT * FROM pgtrickle.list_sources('revenue');
SELECT pgtrickle.st_size('revenue');
EXPLAIN ANALYZE SELECT * FROM revenue;
SELECT pgtrickle.explain_dag();
LISTEN pg_trickle_alert;
UNLISTEN pg_trickle_alert;
SELECT p.proname, d AS what_it_does FROM pg_proc p, obj_description(p.oid, 'pg_proc') d
  WHERE p.pronamespace = 'pgtrickle'::regnamespace AND d NOT LIKE 'internal:%' ORDER BY 1;
ALTER FOREIGN TABLE revenue OPTIONS (SET schedule '5s');
CREATE INDEX ON revenue (total);
SELECT pgtrickle.refresh_stream_table('revenue');
SELECT pgtrickle.wait_until_fresh('revenue', '10s');
SELECT pgt_name, locked_relation, lock_mode, holder, since FROM pgtrickle.blocked_refreshes();   -- whose lock does it wait for?
SELECT start_time, action, status, duration_ms, error_message FROM pgtrickle.get_refresh_history('revenue');   -- what became of its refreshes?
SELECT pgt_name, status, last_error_message FROM pgtrickle.pgt_stream_tables WHERE status IN ('ERROR', 'SUSPENDED');
SELECT pgtrickle.resume_stream_table('revenue');
SELECT pgtrickle.pause_scheduler(ARRAY['revenue']);     -- without names: all of this database
SELECT pgtrickle.resume_scheduler(ARRAY['revenue']);
SELECT pgtrickle.drain(60);                             -- before maintenance: what runs ends, nothing begins; true when done
SELECT pgtrickle.resume_scheduler();
SELECT pgtrickle.gate_source('orders');                 -- while it is loaded by many transactions
SELECT pgtrickle.ungate_source('orders');
SELECT pgtrickle.create_watermark_group('daily', ARRAY['orders', 'customers']);
SELECT pgtrickle.advance_watermark('orders', now()), pgtrickle.advance_watermark('customers', now());  -- now both are complete
SELECT pgtrickle.alter_stream_table('revenue', tier => 'cold');  -- hot, warm, cold: its schedule, twice, ten times as long
SELECT source_name, table_name, stream_tables, owners FROM pgtrickle.trigger_inventory();  -- who captures your tables
SELECT pgtrickle.stop_capture('orders');                -- for its owner: what reads it is kept by full refreshes from now on
SELECT pgtrickle.allow_capture('orders');               -- until it is allowed again; stopped_captures() lists what is stopped
SELECT * FROM pgtrickle.holds();
SELECT pgtrickle.drop_watermark_group('daily');          -- it would hold what reads its sources until the next advance
SELECT pgt_name, refreshes, mean_refresh_time, max_refresh_time FROM pgtrickle.pg_stat_stream_tables ORDER BY total_refresh_time DESC LIMIT 10;
SELECT value FROM pgtrickle.explain_st('revenue') WHERE property = 'missing index';
ANALYZE revenue;
SELECT source_name, pg_size_pretty(log_bytes), pending_rows, pending_since, held_back_by FROM pgtrickle.change_buffer_sizes();
\o

DROP FOREIGN TABLE revenue;
DROP TABLE orders, customers;
