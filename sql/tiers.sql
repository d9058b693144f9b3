-- Tiers: the multiple of its schedule by which a stream table is refreshed.
SET client_min_messages = notice;
CREATE TABLE tr_items (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table('tr_rows', 'SELECT id FROM tr_items', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('tr_count', 'SELECT count(*) AS n FROM tr_rows', '520w') \g /dev/null
SELECT pgt_name, refresh_tier FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE 'tr\_%' ORDER BY 1;
SELECT pgtrickle.alter_stream_table('tr_rows', tier => 'Cold') \g /dev/null
SELECT pgt_name, schedule, refresh_tier FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'tr_rows';
SELECT pgtrickle.export_definition('tr_rows') ~* 'tier ''cold''' AS is_exported;
-- also_as_an_option
ALTER FOREIGN TABLE tr_rows OPTIONS (SET tier 'warm');
SELECT refresh_tier FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'tr_rows';
ALTER FOREIGN TABLE tr_rows OPTIONS (DROP tier);
SELECT refresh_tier FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'tr_rows';
CREATE FOREIGN TABLE tr_made_warm () SERVER pgtrickle OPTIONS (query 'SELECT id FROM tr_items', schedule '520w', tier 'warm');
SELECT refresh_tier FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'tr_made_warm';

-- a_read_accepts_rows_of_that_age: two seconds, tenfold
SELECT pgtrickle.alter_stream_table('tr_rows', schedule => '2s', tier => 'cold') \g /dev/null
SELECT pgtrickle.alter_stream_table('tr_count', tier => 'frozen') \g /dev/null
SELECT pgtrickle.pause_scheduler(ARRAY['tr_rows']) \g /dev/null
INSERT INTO tr_items VALUES (1);
DO $$
DECLARE give_up_at timestamptz := clock_timestamp() + '30 s';
BEGIN
  WHILE pgtrickle.get_staleness('tr_rows') < 2.1 AND clock_timestamp() < give_up_at LOOP PERFORM pg_sleep(0.02); END LOOP;
END $$;
SELECT count(*) FROM tr_rows;
SELECT pgtrickle.alter_stream_table('tr_rows', tier => 'hot') \g /dev/null
SELECT count(*) FROM tr_rows;
SELECT pgtrickle.resume_scheduler(ARRAY['tr_rows']) \g /dev/null
SELECT count(*) FROM tr_rows;

-- frozen: not refreshed, unless its owner requests it
SELECT pgt_name, hold, reason, since FROM pgtrickle.holds();
SET pg_trickle.max_staleness = 0;
SELECT n FROM tr_count;
SET pg_trickle.max_staleness = '1h';
SELECT pgtrickle.refresh_stream_table('tr_count') \g /dev/null
SELECT n FROM tr_count;
SELECT pgtrickle.create_stream_table('tr_above', 'SELECT n FROM tr_count', '520w') \g /dev/null
INSERT INTO tr_items VALUES (2);
SELECT pgtrickle.refresh_stream_table('tr_above') \g /dev/null
SELECT (SELECT n FROM tr_count) AS frozen, (SELECT n FROM tr_above) AS above;
SELECT pgtrickle.alter_stream_table('tr_count', tier => 'hot') \g /dev/null
SELECT pgtrickle.refresh_stream_table('tr_above') \g /dev/null
SELECT (SELECT n FROM tr_count) AS thawed, (SELECT n FROM tr_above) AS above;
-- bad_input
SELECT pgtrickle.alter_stream_table('tr_rows', tier => 'lukewarm');
ALTER FOREIGN TABLE tr_rows OPTIONS (SET tier '');
SELECT pgtrickle.drop_stream_table(name, true) FROM unnest(ARRAY['tr_rows', 'tr_made_warm']) name \g /dev/null
DROP TABLE tr_items;
