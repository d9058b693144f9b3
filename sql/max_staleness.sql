-- The values of pg_trickle.max_staleness, and their effect.
SET client_min_messages = warning;
CREATE FUNCTION ms_try(value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; hint text;
BEGIN
  PERFORM set_config('pg_trickle.max_staleness', value, true);
  RETURN current_setting('pg_trickle.max_staleness');
EXCEPTION WHEN invalid_parameter_value THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' ', SQLERRM || '.', detail, hint);
END $$;
-- durations_as_in_schedules_and_those_with_units_of_postgresql
SELECT value, ms_try(value) FROM unnest(ARRAY['-1', '0', '30', '30s', '5m', '1h30m', '2w', '500ms', '1min', '1.5 min', '0.5h',
  ' 2 d ', '1us']) value;
-- other_values_are_refused
SELECT ms_try(value) FROM unnest(ARRAY['', '-5s', '-5min', '1.5', '5 minutes', '1min30s', 'min', '1e9d', '4000d', 'NaNmin']) value;
-- milliseconds_count
CREATE TABLE ms_source (n int);
CREATE FOREIGN TABLE ms_count (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM ms_source', schedule '520w');
INSERT INTO ms_source VALUES (1);
SET pg_trickle.max_staleness = '10 min';
SELECT * FROM ms_count;
SET pg_trickle.max_staleness = '1us';
DO 'BEGIN WHILE clock_timestamp() <= statement_timestamp() + interval ''2ms'' LOOP END LOOP; END';
SELECT * FROM ms_count;
RESET pg_trickle.max_staleness;
DROP TABLE ms_source CASCADE;
DROP FUNCTION ms_try;
