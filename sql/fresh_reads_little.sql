-- The number of rows that a refresh reads depends on its delta, also before the arrangements are analyzed.
SET client_min_messages = warning;
-- A refresh postpones ANALYZE of an arrangement that autovacuum processes, so this test disables autovacuum.
ALTER SYSTEM SET autovacuum = off;
SELECT pg_reload_conf() \g /dev/null
DO $$ BEGIN
  FOR i IN 1..3000 LOOP
    EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum%');
    PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
  END LOOP;
END $$;
CREATE SCHEMA fresh_reads_little;
SET search_path = fresh_reads_little;
CREATE TABLE customer (id int PRIMARY KEY, name text) WITH (autovacuum_enabled = off);
CREATE TABLE orders (id int PRIMARY KEY, customer int, amount int) WITH (autovacuum_enabled = off);
CREATE INDEX ON orders (customer);
CREATE TEMP TABLE definition (name text, query text);
INSERT INTO definition VALUES
  ('best_two', 'SELECT c.id, t.id AS orders, t.amount FROM customer c CROSS JOIN LATERAL (SELECT o.id, o.amount FROM orders o WHERE o.customer = c.id ORDER BY o.amount DESC, o.id LIMIT 2) t'),
  ('above_average', 'SELECT o.id, o.amount FROM orders o WHERE o.amount > (SELECT avg(p.amount) FROM orders p WHERE p.customer = o.customer)'),
  ('of_two_aggregates', 'SELECT a.customer, a.n, b.amount FROM (SELECT customer, count(*) n FROM orders GROUP BY customer) a JOIN (SELECT customer, max(amount) amount FROM orders GROUP BY customer) b ON a.customer = b.customer'),
  ('numbered', 'SELECT id, row_number() OVER (PARTITION BY customer ORDER BY amount, id) AS n FROM orders');
CREATE FUNCTION create_all() RETURNS void LANGUAGE sql AS
$$ SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM definition $$;
CREATE FUNCTION refresh_all() RETURNS void LANGUAGE sql AS $$ SELECT pgtrickle.refresh_stream_table(name) FROM definition $$;
-- Returns the rows of sources and arrangements that were read in sequential scans, in sum, and those fetched by index.
CREATE FUNCTION reads(st text, change text) RETURNS TABLE (whole bigint, by_index bigint) LANGUAGE plpgsql AS $$
DECLARE whole_before bigint; index_before bigint;
BEGIN
  EXECUTE change;
  SELECT sum(seq_tup_read), sum(idx_tup_fetch) INTO whole_before, index_before FROM pg_stat_xact_all_tables WHERE schemaname IN ('fresh_reads_little', 'pg_trickle_storage');
  PERFORM pgtrickle.refresh_stream_table(st);
  SELECT sum(seq_tup_read) - whole_before, sum(idx_tup_fetch) - index_before INTO whole, by_index FROM pg_stat_xact_all_tables WHERE schemaname IN ('fresh_reads_little', 'pg_trickle_storage');
  RETURN NEXT;
END $$;
CREATE FUNCTION reads_of_changes() RETURNS TABLE (st text, whole bigint, little_by_index boolean) LANGUAGE sql AS $$
  SELECT name, max(whole), max(by_index) < 200 FROM definition, unnest(ARRAY['UPDATE orders SET amount = amount + 1 WHERE id = 7', 'DELETE FROM orders WHERE id = (SELECT min(id) FROM orders)',
    'INSERT INTO orders SELECT max(id) + 1, 77, 8 FROM orders', 'UPDATE customer SET name = upper(name) WHERE id = 9']) change, LATERAL reads(name, change) r
  GROUP BY name ORDER BY name $$;

-- right_after_the_first_fill, of_sources_that_are_not_analyzed_either
INSERT INTO customer SELECT g, 'c' || g FROM generate_series(0, 1999) g;
INSERT INTO orders SELECT g, g % 2000, g % 97 FROM generate_series(1, 20000) g;
SELECT create_all() \g /dev/null
SELECT * FROM reads_of_changes();

-- after_all_rows_are_replaced
DELETE FROM orders;
SELECT refresh_all() \g /dev/null
INSERT INTO orders SELECT g, g % 2000, g % 97 FROM generate_series(1, 20000) g;
SELECT refresh_all() \g /dev/null
SELECT * FROM reads_of_changes();
SELECT pgtrickle.drop_stream_table(name) FROM definition \g /dev/null

-- grown_from_empty_by_deltas, with_statements_planned_for_empty_tables
TRUNCATE customer, orders;
SELECT create_all() \g /dev/null
INSERT INTO customer VALUES (1, 'c1');
INSERT INTO orders VALUES (1, 1, 1);
SELECT refresh_all() \g /dev/null
INSERT INTO customer SELECT g, 'c' || g FROM generate_series(2, 1999) g;
INSERT INTO orders SELECT g, g % 2000, g % 97 FROM generate_series(2, 20000) g;
SELECT refresh_all() \g /dev/null
SELECT * FROM reads_of_changes();

-- the_planner_knows_the_stored_rows
SELECT d.name, c.reltuples BETWEEN 1900 AND 21000 AS tuples, s.n_distinct <> 0 AS has_distinct
FROM definition d JOIN pg_class c ON c.relname = 'st_' || to_regclass(d.name)::oid LEFT JOIN LATERAL (SELECT * FROM pg_stats WHERE tablename = c.relname LIMIT 1) s ON true;

-- within_an_analyze: functions of indexes that are not IMMUTABLE as declared
CREATE FUNCTION refreshing(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF $1 = 5 THEN PERFORM pgtrickle.refresh_stream_table('fresh_reads_little.growing'); END IF; RETURN $1; END $$;
CREATE TABLE grown (id int PRIMARY KEY, n int) WITH (autovacuum_enabled = off);
CREATE TABLE indexed (id int) WITH (autovacuum_enabled = off);
CREATE INDEX ON indexed (refreshing(id));
SELECT pgtrickle.create_stream_table('fresh_reads_little.growing', 'SELECT id, n FROM grown', '520w', 'DIFFERENTIAL') \g /dev/null
INSERT INTO indexed VALUES (5);
INSERT INTO grown SELECT g, g FROM generate_series(1, 5000) g;
\set SHOW_CONTEXT never
ANALYZE indexed;
SELECT pgtrickle.refresh_stream_table('fresh_reads_little.growing') \g /dev/null
SELECT count(*) FROM growing;
DROP SCHEMA fresh_reads_little CASCADE;
ALTER SYSTEM RESET autovacuum;
SELECT pg_reload_conf() \g /dev/null
