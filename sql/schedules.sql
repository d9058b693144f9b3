-- Valid schedules, and the time zone of cron expressions.
SET client_min_messages = warning;
CREATE TABLE sd_source (id int PRIMARY KEY);
-- setting_a_schedule_that_is_too_short
SET pg_trickle.min_schedule_seconds = 60;
SELECT pgtrickle.create_stream_table('sd_short', 'SELECT id FROM sd_source', '59s');
SELECT pgtrickle.create_stream_table('sd_short', 'SELECT id FROM sd_source', '*/30 * * * * *');
SELECT pgtrickle.create_stream_table('sd_short', 'SELECT id FROM sd_source', '* * * * *');
SELECT pgtrickle.create_stream_table('sd_fresh', 'SELECT id FROM sd_source', '0s');
SELECT pgtrickle.alter_stream_table('sd_short', schedule => '59s');
ALTER FOREIGN TABLE sd_short OPTIONS (SET schedule '1m');
-- an_existing_schedule_remains
SET pg_trickle.min_schedule_seconds = 120;
ALTER FOREIGN TABLE sd_short OPTIONS (ADD work_mem '8MB');
SELECT pgtrickle.alter_stream_table('sd_short', refresh_mode => 'FULL');
ALTER FOREIGN TABLE sd_short OPTIONS (SET schedule '1m');
ALTER FOREIGN TABLE sd_short OPTIONS (SET schedule '90s');
-- a_schedule_as_in_a_dump_is_raised_to_the_minimum, unless the owner of the database restores it
CREATE ROLE sd_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO sd_owner;
CREATE SCHEMA sd_owned AUTHORIZATION sd_owner;
GRANT SELECT ON sd_source TO sd_owner;
SET ROLE sd_owner;
CREATE FOREIGN TABLE sd_owned.fast (id int) SERVER pgtrickle OPTIONS (query 'SELECT id FROM public.sd_source', original_query 'x', schedule '1s');
RESET ROLE;
CREATE FOREIGN TABLE sd_owned.as_dumped (id int) SERVER pgtrickle OPTIONS (query 'SELECT id FROM public.sd_source', original_query 'x', schedule '1s');
SELECT name, schedule FROM pgtrickle.pgt_status() WHERE name LIKE '%sd_owned%' ORDER BY 1;
DROP SCHEMA sd_owned CASCADE;
DROP OWNED BY sd_owner;
DROP ROLE sd_owner;
RESET pg_trickle.min_schedule_seconds;
-- names_and_abbreviations
SELECT pgtrickle.alter_stream_table('sd_short', schedule => '0 6 * jan-mar,DEC fri-sun');
SELECT pgtrickle.alter_stream_table('sd_short', schedule => '@weekly');
SELECT pgtrickle.alter_stream_table('sd_short', schedule => '@fortnightly');
SELECT pgtrickle.alter_stream_table('sd_short', schedule => '0 6 31 feb *');
SELECT pgtrickle.alter_stream_table('sd_short', schedule => '0 6 * * sun-mon-tue');
-- cron_is_local_time_of_the_database
CREATE PROCEDURE pg_temp.set_zone(zone text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), zone);
END $$;
CREATE FUNCTION pg_temp.at(due timestamptz, zone text) RETURNS text LANGUAGE sql AS $$
  SELECT to_char(due AT TIME ZONE zone, 'SS MI HH24 DD MM') || ' *'
$$;
CREATE FUNCTION pg_temp.wait_for_rows(wanted bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  give_up_at timestamptz := clock_timestamp() + '30 s';
  rows bigint;
BEGIN
  LOOP
    SELECT count(*) INTO rows FROM sd_cron;
    IF rows = wanted THEN RETURN 'there'; END IF;
    IF clock_timestamp() > give_up_at THEN RETURN rows || ' rows after 30 s'; END IF;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
SELECT pgtrickle.create_stream_table('sd_cron', 'SELECT id FROM sd_source', '@yearly');
-- Neither the time zone of the session nor that of the owner's role applies.
SET timezone = 'UTC';
CALL pg_temp.set_zone('Asia/Tokyo');
SELECT date_trunc('second', clock_timestamp() + '5 s') AS due \gset
SELECT pgtrickle.alter_stream_table('sd_cron', schedule => pg_temp.at(:'due', 'Asia/Tokyo'));
INSERT INTO sd_source VALUES (1);
-- The manager alone refreshes.
SET pg_trickle.max_staleness = '1h';
SELECT pg_temp.wait_for_rows(1);
SELECT last_refresh_at >= :'due' AS is_when_due FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'sd_cron';
-- A read uses the same time. A zone may be a number of hours.
RESET pg_trickle.max_staleness;
CALL pg_temp.set_zone('-3');
SELECT date_trunc('second', clock_timestamp() + '5 s') AS due \gset
SELECT pgtrickle.alter_stream_table('sd_cron', schedule => pg_temp.at(:'due', '<-03>+03'));
INSERT INTO sd_source VALUES (2);
SELECT pg_temp.wait_for_rows(2);
SELECT last_refresh_at >= :'due' AS is_when_due FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'sd_cron';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET timezone', current_database()); END $$;
DROP TABLE sd_source CASCADE;
