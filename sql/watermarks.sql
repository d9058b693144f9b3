-- Watermark groups: stream tables over sources that are loaded together are refreshed once all of these have advanced.
SET client_min_messages = notice;
SET pg_trickle.max_staleness = '1h';
SET timezone = 'UTC';
SET datestyle = 'ISO';
-- The manager would refresh released stream tables immediately.
SELECT pgtrickle.pause_scheduler() \g /dev/null
CREATE TABLE wm_orders (id int PRIMARY KEY);
CREATE TABLE wm_lines (id int PRIMARY KEY, order_id int);
CREATE TABLE wm_alone (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table('wm_joined', 'SELECT o.id, l.id AS line FROM wm_orders o JOIN wm_lines l ON l.order_id = o.id', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('wm_lone_lines', 'SELECT count(*) AS n FROM wm_lines', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('wm_other', 'SELECT count(*) AS n FROM wm_alone', '520w') \g /dev/null
SELECT pgtrickle.create_watermark_group('wm_load', ARRAY['wm_orders', 'wm_lines', 'public.wm_lines'], 60) \g /dev/null
SELECT group_name, sources, tolerance_secs, created_at IS NOT NULL AS has_time FROM pgtrickle.watermark_groups();

-- nothing_has_advanced_yet: a stream table over one of the sources does not wait for the others
SELECT pgt_name, hold, reason, culprit FROM pgtrickle.holds() WHERE hold = 'watermark' ORDER BY pgt_name;
INSERT INTO wm_orders VALUES (1);
INSERT INTO wm_lines VALUES (1, 1), (2, 1);
SELECT pgtrickle.refresh_stream_table('wm_joined');
-- one_has_advanced
SELECT pgtrickle.advance_watermark('wm_orders', '2030-01-01 10:00Z') \g /dev/null
SELECT pgtrickle.refresh_stream_table('wm_joined');
SELECT * FROM pgtrickle.watermark_status();
-- more_apart_than_the_tolerance
SELECT pgtrickle.advance_watermark('wm_lines', '2030-01-01 09:58:59Z') \g /dev/null
SELECT pgtrickle.refresh_stream_table('wm_joined');
SELECT * FROM pgtrickle.watermark_status();
-- within_it
SELECT pgtrickle.advance_watermark('wm_lines', '2030-01-01 09:59Z') \g /dev/null
SELECT * FROM pgtrickle.watermark_status();
SELECT pgtrickle.refresh_stream_table('wm_joined') \g /dev/null
SELECT count(*) FROM wm_joined;
SELECT schema_name, source_table, watermark, updated_at IS NOT NULL AS has_time, advanced_by = current_user AS by_me
  FROM pgtrickle.watermarks() ORDER BY source_table;

SELECT pgtrickle.refresh_stream_table('wm_lone_lines');
-- one_advance_is_one_refresh: the next load has begun
INSERT INTO wm_lines VALUES (3, 1);
SELECT pgtrickle.refresh_stream_table('wm_joined');
SELECT pgt_name, reason FROM pgtrickle.holds() WHERE hold = 'watermark' ORDER BY pgt_name;
-- not_all_have_advanced
SELECT pgtrickle.advance_watermark('wm_lines', '2030-01-01 10:01Z') \g /dev/null
SELECT advanced_to, waiting_stream_tables FROM pgtrickle.watermark_status();
SELECT pgtrickle.advance_watermark('wm_orders', '2030-01-01 10:01Z') \g /dev/null
SELECT advanced_to, waiting_stream_tables FROM pgtrickle.watermark_status();
SELECT pgtrickle.refresh_stream_table('wm_joined') \g /dev/null
SELECT count(*) FROM wm_joined;

-- in_the_transaction_that_loads: the rows and the watermark become visible together
BEGIN;
INSERT INTO wm_lines VALUES (4, 1);
SELECT pgtrickle.advance_watermark('wm_orders', '2030-01-01 11:00Z'), pgtrickle.advance_watermark('wm_lines', '2030-01-01 11:00Z') \g /dev/null
SELECT pgtrickle.refresh_stream_table('wm_joined') \g /dev/null
SELECT count(*) FROM wm_joined;
ROLLBACK;
SELECT count(*) FROM wm_joined;
SELECT advanced_to FROM pgtrickle.watermark_status();

-- never_back
SELECT pgtrickle.advance_watermark('wm_lines', '2030-01-01 10:00Z');
SELECT pgtrickle.advance_watermark('wm_lines', '2030-01-01 10:01Z') \g /dev/null
SELECT pgtrickle.advance_watermark('wm_lines', NULL);
SELECT pgtrickle.advance_watermark('wm_lines', 'infinity'), pgtrickle.advance_watermark('wm_orders', 'infinity') \g /dev/null
SELECT * FROM pgtrickle.watermark_status();

-- bad_input
SELECT pgtrickle.create_watermark_group('wm_load', ARRAY['wm_orders']);
SELECT pgtrickle.create_watermark_group('wm_none', '{}');
SELECT pgtrickle.create_watermark_group('wm_none', ARRAY['wm_orders', NULL]);
SELECT pgtrickle.create_watermark_group('wm_none', ARRAY['wm_missing']);
SELECT pgtrickle.create_watermark_group('wm_none', ARRAY['wm_orders'], -1);
SELECT pgtrickle.create_watermark_group('', ARRAY['wm_orders']);
SELECT pgtrickle.drop_watermark_group('wm_none');
-- Each refresh of what reads a table looks at all of its groups.
CREATE TABLE wm_many (id int);
SELECT count(pgtrickle.create_watermark_group('wm_many_' || i, ARRAY['wm_many'])) FROM generate_series(1, 100) i;
SELECT pgtrickle.create_watermark_group('wm_none', ARRAY['wm_many']);
SELECT count(pgtrickle.drop_watermark_group('wm_many_' || i)) FROM generate_series(1, 100) i;
DROP TABLE wm_many;
-- privileges: the owner of the sources
CREATE ROLE wm_stranger;
SET ROLE wm_stranger;
SELECT pgtrickle.create_watermark_group('wm_none', ARRAY['wm_orders']);
SELECT pgtrickle.drop_watermark_group('wm_load');
SELECT pgtrickle.advance_watermark('wm_orders', 'infinity');
SELECT (SELECT count(*) FROM pgtrickle.watermarks()) AS watermarks, (SELECT count(*) FROM pgtrickle.watermark_groups()) AS groups,
       (SELECT count(*) FROM pgtrickle.watermark_status()) AS status;
RESET ROLE;

-- a_dropped_source_holds_no_stream_table
SELECT pgtrickle.create_watermark_group('wm_mixed', ARRAY['wm_orders', 'wm_lines', 'wm_alone']) \g /dev/null
SELECT pgt_name, reason FROM pgtrickle.holds() WHERE reason ~ 'wm_mixed' ORDER BY pgt_name;
DROP TABLE wm_alone CASCADE;
SELECT sources FROM pgtrickle.watermark_groups() WHERE group_name = 'wm_mixed';
SELECT pgt_name, reason FROM pgtrickle.holds() WHERE reason ~ 'wm_mixed' ORDER BY pgt_name;
-- dropped
SELECT pgtrickle.drop_watermark_group(name) FROM unnest(ARRAY['wm_load', 'wm_mixed']) name \g /dev/null
SELECT count(*) FROM pgtrickle.holds() WHERE hold = 'watermark';
SELECT pgtrickle.resume_scheduler() \g /dev/null
SELECT pgtrickle.drop_stream_table(name) FROM unnest(ARRAY['wm_joined', 'wm_lone_lines']) name \g /dev/null
DROP TABLE wm_orders, wm_lines;
DROP ROLE wm_stranger;
