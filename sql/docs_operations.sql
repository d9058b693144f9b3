-- The statements of docs/operations.md; a lint rule compares the document with the output.
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

CREATE FOREIGN TABLE shares (region text, share numeric)
  SERVER pgtrickle OPTIONS (query 'SELECT region, 100 / total FROM revenue', schedule '1h');
\o /dev/null
SELECT check_name, severity, detail FROM pgtrickle.health_check() WHERE severity <> 'OK';
SELECT name, status, staleness FROM pgtrickle.pgt_status();
\o
SELECT tree_line, status, refresh_mode FROM pgtrickle.dependency_tree();
\o /dev/null
SELECT * FROM pgtrickle.pg_stat_stream_tables;
SELECT * FROM pgtrickle.pg_stat_progress_stream_table;
SELECT * FROM pgtrickle.get_refresh_history('revenue');
SELECT * FROM pgtrickle.explain_st('revenue');
SELECT * FROM pgtrickle.list_sources('revenue');
SELECT pgtrickle.st_size('revenue');
EXPLAIN ANALYZE SELECT * FROM revenue;
SELECT name, status, schedule, staleness FROM pgtrickle.pgt_status();
SELECT start_time, action, status, duration_ms, error_message FROM pgtrickle.get_refresh_history('revenue');
SELECT pgt_name, locked_relation, lock_mode, holder, since FROM pgtrickle.blocked_refreshes();
\o
SET pg_trickle.max_staleness = 0;
SELECT region FROM revenue ORDER BY region;
RESET pg_trickle.max_staleness;
\o /dev/null
SELECT pgtrickle.refresh_stream_table('revenue');
SELECT pgtrickle.wait_until_fresh('revenue', '10s');
SELECT pgt_name, status, last_error_message FROM pgtrickle.pgt_stream_tables WHERE status IN ('ERROR', 'SUSPENDED');
SELECT pgtrickle.resume_stream_table('revenue');
SELECT pgtrickle.repair_stream_table('revenue');
SELECT pgt_name, hold, reason, culprit FROM pgtrickle.holds();
SELECT pgtrickle.pause_scheduler(ARRAY['revenue']);     -- without names: all of this database
\o
SELECT pgt_name, hold, reason FROM pgtrickle.holds();
\o /dev/null
SELECT pgtrickle.resume_scheduler(ARRAY['revenue']);
\o
SELECT pgtrickle.drain(60);
\o /dev/null
SELECT pgtrickle.resume_scheduler();
SELECT pgtrickle.gate_source('orders');
\o
SELECT pgt_name, hold, reason FROM pgtrickle.holds() ORDER BY pgt_name;
\o /dev/null
SELECT pgtrickle.ungate_source('orders');
SELECT pgtrickle.create_watermark_group('daily', ARRAY['orders', 'customers']);
SELECT pgtrickle.advance_watermark('orders', '2026-01-31');
\o
SELECT group_name, lagging_source, waiting_stream_tables FROM pgtrickle.watermark_status();
\o /dev/null
SELECT pgtrickle.advance_watermark('customers', '2026-01-31');
SELECT pgtrickle.drop_watermark_group('daily');
SELECT pgtrickle.alter_stream_table('revenue', tier => 'cold');
\o
SELECT DISTINCT source_name, table_name, stream_tables, owners FROM pgtrickle.trigger_inventory() ORDER BY 1;
\o /dev/null
SELECT pgtrickle.stop_capture('orders');
SELECT pgtrickle.allow_capture('orders');
SELECT pgt_name, refreshes, mean_refresh_time, max_refresh_time FROM pgtrickle.pg_stat_stream_tables
  ORDER BY total_refresh_time DESC LIMIT 10;
SELECT value FROM pgtrickle.explain_st('revenue') WHERE property = 'missing index';
SELECT * FROM pgtrickle.refresh_efficiency();
\o
CREATE INDEX ON revenue (total);
ANALYZE revenue;
\o /dev/null
SELECT source_name, pg_size_pretty(log_bytes), pending_rows, pending_since, held_back_by
  FROM pgtrickle.change_buffer_sizes();
SELECT detail FROM pgtrickle.health_check() WHERE check_name IN ('manager', 'worker_processes', 'shared_memory');
LISTEN pg_trickle_alert;
DROP EXTENSION pg_trickle;
-- Not in the document: an alert of the refresh that follows allow_capture() is not shown.
UNLISTEN pg_trickle_alert;
\o

-- A change of the query creates new storage, with the indexes of the previous one.
SELECT pgtrickle.export_definition('revenue') LIKE '%CREATE INDEX%' AS has_index;
ALTER FOREIGN TABLE revenue OPTIONS (SET query 'SELECT c.region, count(*), sum(2 * o.amount)
  FROM orders o JOIN customers c ON c.id = o.customer GROUP BY c.region');
SELECT pgtrickle.export_definition('revenue') LIKE '%CREATE INDEX%' AS has_index;

-- Other objects that the text names.
\o /dev/null
SELECT pgtrickle.export_definition(pgt_relid::regclass::text) FROM pgtrickle.pgt_stream_tables;
SELECT * FROM pgtrickle.quick_health;
SELECT * FROM pgtrickle.refresh_timeline();
SELECT pgtrickle.explain_dag('dot');
SELECT * FROM pgtrickle.explain_refresh_mode('revenue');
SELECT * FROM pgtrickle.recommend_refresh_mode();
SELECT * FROM pgtrickle.stopped_captures();
\o

DROP FOREIGN TABLE shares, revenue;
DROP TABLE orders, customers;
