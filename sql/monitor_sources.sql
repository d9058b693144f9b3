-- Sources, their change logs, and the triggers that feed these.
CREATE TABLE so_source (id int PRIMARY KEY, n int, unread text);
CREATE TABLE so_parts (id int, n int) PARTITION BY RANGE (id);
CREATE TABLE so_part PARTITION OF so_parts FOR VALUES FROM (0) TO (100);
CREATE VIEW so_view AS SELECT id, n FROM so_source;
CREATE FOREIGN TABLE so_often () SERVER pgtrickle OPTIONS (query 'SELECT n, count(*) AS c FROM so_view GROUP BY n', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE so_seldom () SERVER pgtrickle OPTIONS (query 'SELECT s.id, p.n FROM so_source s JOIN so_parts p USING (id)', schedule '2d', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE so_above () SERVER pgtrickle OPTIONS (query 'SELECT c FROM so_often', schedule '520w', refresh_mode 'DIFFERENTIAL');

-- the pending changes of each source, and since when they are pending
SELECT source_schema, source_name, source_relid = source_name::regclass AS is_that, source_type, columns_used, is_captured,
       log_bytes > 0 AS has_log, pending_rows, pending_bytes, pending_since FROM pgtrickle.list_sources('so_often');
SELECT source_name, source_type FROM pgtrickle.list_sources('so_above');
INSERT INTO so_source SELECT i, i % 3 FROM generate_series(1, 10) i;
UPDATE so_source SET n = 7 WHERE id = 1;
SELECT source_name, pending_rows, pending_bytes > 0 AS has_bytes, pending_since <= clock_timestamp() AS has_time
  FROM pgtrickle.list_sources('so_often') WHERE is_captured;
SELECT source_name, source_type, pending_rows, held_back_by FROM pgtrickle.change_buffer_sizes() WHERE source_name LIKE 'so\_%' ORDER BY 1;

-- a stream table that has applied the changes holds nothing back
SELECT pgtrickle.refresh_stream_table('so_often');
SELECT pgtrickle.alter_stream_table('so_seldom', status => 'SUSPENDED');
SELECT source_name, pending_rows, held_back_by FROM pgtrickle.change_buffer_sizes() WHERE source_name LIKE 'so\_%' ORDER BY 1;
SELECT pgtrickle.resume_stream_table('so_seldom');
SELECT pgtrickle.refresh_stream_table('so_seldom');
SELECT pgtrickle.refresh_stream_table('so_above');
SELECT sum(pending_rows) AS pending, count(held_back_by) AS held FROM pgtrickle.change_buffer_sizes() WHERE source_name LIKE 'so\_%';

-- triggers: missing and disabled ones are reported
SELECT source_name, table_name, trigger_name, event, level, is_present, is_enabled FROM pgtrickle.trigger_inventory() WHERE source_name LIKE 'so\_%';
SELECT source_name, cdc_mode, alert FROM pgtrickle.check_cdc_health() WHERE source_name LIKE 'so\_%';
ALTER TABLE so_source DISABLE TRIGGER ALL;
SELECT trigger_name, is_present, is_enabled FROM pgtrickle.trigger_inventory() WHERE source_name = 'so_source' AND NOT is_enabled;
SELECT source_name, alert FROM pgtrickle.check_cdc_health() WHERE alert IS NOT NULL AND source_name LIKE 'so\_%';
SELECT pgtrickle.refresh_stream_table('so_often');
SELECT count(*) FROM pgtrickle.trigger_inventory() WHERE source_name = 'so_source' AND is_enabled;

-- internal tables: the relations that they belong to, and their sizes
SELECT kind, of_name, count(*), sum(bytes) > 0 AS has_bytes FROM pgtrickle.pgt_heaps WHERE of_name LIKE 'so\_%' GROUP BY 1, 2 ORDER BY 2, 1;
SELECT pgtrickle.st_size('so_seldom') >= sum(bytes) AS has_all FROM pgtrickle.pgt_heaps WHERE of_name = 'so_seldom';
SELECT pgtrickle.st_size('so_seldom') - (SELECT sum(bytes) FROM pgtrickle.pgt_heaps WHERE of_name = 'so_seldom') AS share_of_logs,
       sum(log_bytes / CASE source_name WHEN 'so_source' THEN 2 ELSE 1 END) AS expected
  FROM pgtrickle.list_sources('so_seldom');
SELECT pgtrickle.st_size('nosuch');

-- a question about one stream table reads no other: the look-ups in internal tables do not grow with the number of stream tables
-- (of several questions, as an invalidation from another process makes a session look again)
CREATE FUNCTION so_look_ups() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE before bigint; now bigint; fewest bigint;
BEGIN
  FOR i IN 1 .. 5 LOOP
    before := now;
    PERFORM * FROM pgtrickle.list_sources('so_often');
    SELECT sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)) INTO now FROM pg_stat_xact_user_tables WHERE schemaname = 'pgtrickle';
    fewest := least(fewest, now - before);
  END LOOP;
  RETURN fewest;
END$$;
SELECT so_look_ups() AS few \gset
SELECT count(pgtrickle.create_stream_table('so_beside_' || i, 'SELECT id FROM so_source WHERE id > ' || i, '520w')) FROM generate_series(1, 20) i;
SELECT :few > 0 AS there_are_some, so_look_ups() - :few AS more;
SELECT pgtrickle.bulk_drop_stream_tables(ARRAY(SELECT 'so_beside_' || i FROM generate_series(1, 20) i));
DROP FUNCTION so_look_ups;

-- an unprivileged role sees the rows of the stream tables that it may read
CREATE ROLE so_reader;
GRANT SELECT ON so_seldom TO so_reader;
SET ROLE so_reader;
SELECT source_name FROM pgtrickle.change_buffer_sizes() ORDER BY 1;
SELECT DISTINCT source_name FROM pgtrickle.trigger_inventory() ORDER BY 1;
SELECT source_name FROM pgtrickle.check_cdc_health();
SELECT DISTINCT of_name FROM pgtrickle.pgt_heaps ORDER BY 1;
SELECT source_name FROM pgtrickle.list_sources('so_seldom');
SELECT pgtrickle.st_size('so_seldom') > 0 AS has_size;
SELECT * FROM pgtrickle.list_sources('so_often');
SELECT pgtrickle.st_size('so_often');
RESET ROLE;
-- a role that may read none gets an error
REVOKE SELECT ON so_seldom FROM so_reader;
SET ROLE so_reader;
SELECT * FROM pgtrickle.list_sources('so_often');
RESET ROLE;
SET client_min_messages = warning;
DROP TABLE so_source, so_parts CASCADE;
DROP ROLE so_reader;
