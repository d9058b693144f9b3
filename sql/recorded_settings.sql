-- Settings that the rows depend on are recorded at creation and used whenever the query runs.
SET TimeZone = 'America/New_York';
CREATE TABLE rs_event (id int PRIMARY KEY, at timestamptz);
INSERT INTO rs_event VALUES (1, '2024-06-01 23:30-04'), (2, '2024-06-02 00:30-04'), (3, '2024-06-01 22:00-04');
CREATE FOREIGN TABLE rs_per_day () SERVER pgtrickle
  OPTIONS (query $$SELECT date_trunc('day', at) AS day, count(*) AS n FROM rs_event GROUP BY 1$$, schedule '520w');
CREATE FOREIGN TABLE rs_none () SERVER pgtrickle OPTIONS (query 'SELECT id FROM rs_event', schedule '520w');
SELECT ftrelid::regclass, option FROM pg_foreign_table, unnest(ftoptions) option
  WHERE option LIKE 'setting%' ORDER BY 1, 2;
SELECT * FROM rs_per_day ORDER BY day;

-- retraction_under_another_time_zone finds its row
SET TimeZone = 'Asia/Tokyo';
DELETE FROM rs_event WHERE id = 1;
INSERT INTO rs_event VALUES (4, '2024-06-01 12:00-04');
SELECT pgtrickle.refresh_stream_table('rs_per_day');
SET TimeZone = 'America/New_York';
SELECT * FROM rs_per_day ORDER BY day;

-- its exported definition contains the settings
SELECT pgtrickle.export_definition('rs_per_day') AS statement \gset
SELECT pgtrickle.drop_stream_table('rs_per_day') \g /dev/null
SET TimeZone = 'Asia/Tokyo';
:statement;
SET TimeZone = 'America/New_York';
SELECT * FROM rs_per_day ORDER BY day;

-- a new query records the settings again
SET TimeZone = 'Asia/Tokyo';
ALTER FOREIGN TABLE rs_per_day OPTIONS (SET query $$SELECT date_trunc('day', at) AS day, count(*) AS n FROM rs_event GROUP BY 1$$);
SELECT option FROM pg_foreign_table, unnest(ftoptions) option WHERE option LIKE 'setting%' ORDER BY 1;
SELECT * FROM rs_per_day ORDER BY day;
-- constants are printed the same under every setting
SET DateStyle = 'SQL, DMY';
CREATE FOREIGN TABLE rs_constant () SERVER pgtrickle
  OPTIONS (query $$SELECT id FROM rs_event WHERE at > timestamptz '02/06/2024 00:00'$$, schedule '520w');
SELECT split_part(option, 'WHERE', 2) FROM pg_foreign_table, unnest(ftoptions) option
  WHERE ftrelid = 'rs_constant'::regclass AND option LIKE 'query%';
RESET DateStyle;

-- a view that is replaced may depend on settings that it did not depend on before
SET TimeZone = 'America/New_York';
CREATE VIEW rs_view AS SELECT id, DATE '2024-06-01' AS day FROM rs_event;
CREATE FOREIGN TABLE rs_of_view () SERVER pgtrickle
  OPTIONS (query 'SELECT day, count(*) AS n FROM rs_view GROUP BY 1', schedule '520w');
CREATE OR REPLACE VIEW rs_view AS SELECT id, at::date AS day FROM rs_event;
SELECT option FROM pg_foreign_table, unnest(ftoptions) option
  WHERE ftrelid = 'rs_of_view'::regclass AND option LIKE 'setting%' ORDER BY 1;
SET TimeZone = 'Asia/Tokyo';
DELETE FROM rs_event WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('rs_of_view');
SELECT * FROM rs_of_view ORDER BY day;

-- the current date depends on the time zone
SET TimeZone = 'Pacific/Kiritimati';
CREATE FOREIGN TABLE rs_today () SERVER pgtrickle
  OPTIONS (query 'SELECT current_date AS day, localtimestamp AS at, count(*) AS n FROM rs_event', schedule '520w', refresh_mode 'FULL');
CREATE FOREIGN TABLE rs_now () SERVER pgtrickle
  OPTIONS (query 'SELECT current_timestamp AS at, count(*) AS n FROM rs_event', schedule '520w', refresh_mode 'FULL');
SELECT ftrelid::regclass AS st, option FROM pg_foreign_table, unnest(ftoptions) option
  WHERE ftrelid IN ('rs_today'::regclass, 'rs_now'::regclass) AND option LIKE 'setting%' ORDER BY 1;
SET TimeZone = 'Etc/GMT+12';
BEGIN;
SELECT pgtrickle.refresh_stream_table('rs_today');
SELECT day = (now() AT TIME ZONE 'Pacific/Kiritimati')::date AS is_the_day, at = now() AT TIME ZONE 'Pacific/Kiritimati' AS is_the_time FROM rs_today;
COMMIT;
SET TimeZone = 'Asia/Tokyo';

-- a user's function may depend on any setting, whatever it is declared to be
CREATE FUNCTION rs_day(timestamptz) RETURNS date IMMUTABLE LANGUAGE sql AS 'SELECT $1::date';
CREATE FOREIGN TABLE rs_of_function () SERVER pgtrickle
  OPTIONS (query 'SELECT rs_day(at) AS day, count(*) AS n FROM rs_event GROUP BY 1', schedule '520w', refresh_mode 'DIFFERENTIAL');
SET TimeZone = 'America/New_York';
DELETE FROM rs_event WHERE id = 4;
SELECT pgtrickle.refresh_stream_table('rs_of_function');
SELECT * FROM rs_of_function ORDER BY day;
RESET TimeZone;

-- a column of another type makes a query depend on further settings
CREATE TABLE rs_local (id int PRIMARY KEY, at timestamp);
INSERT INTO rs_local VALUES (1, '2026-03-01 12:00'), (2, '2026-03-01 20:00');
SET TimeZone = 'Asia/Tokyo';
CREATE FOREIGN TABLE rs_by_day () SERVER pgtrickle
  OPTIONS (query 'SELECT date_trunc(''day'', at) AS day, count(*) AS n FROM rs_local GROUP BY 1', schedule '520w', refresh_mode 'DIFFERENTIAL');
ALTER TABLE rs_local ALTER COLUMN at TYPE timestamptz;
SET TimeZone = 'America/New_York';
INSERT INTO rs_local VALUES (3, '2026-03-01 14:00+09');
SELECT pgtrickle.refresh_stream_table('rs_by_day');
SET TimeZone = 'Asia/Tokyo';
SELECT * FROM rs_by_day ORDER BY day;
RESET TimeZone;
SELECT o.* FROM pg_foreign_table, pg_options_to_table(ftoptions) o WHERE ftrelid = 'rs_by_day'::regclass AND option_name LIKE 'setting%';

-- constants of the query follow them, too
SET bytea_output = 'escape';
CREATE FOREIGN TABLE rs_bytes (id int, a text[]) SERVER pgtrickle
  OPTIONS (query $$SELECT id, ARRAY['abc'::bytea] AS a FROM rs_event$$, schedule '520w');
RESET bytea_output;
INSERT INTO rs_event VALUES (5, '2024-06-01 12:00-04');
SELECT pgtrickle.refresh_stream_table('rs_bytes');
SELECT DISTINCT a FROM rs_bytes;

-- a definition contains no setting by which names are looked up
CREATE FOREIGN TABLE rs_path () SERVER pgtrickle
  OPTIONS (query 'SELECT id FROM public.rs_event', original_query 'SELECT id FROM rs_event', "setting_search_path" 'rs_schema, pg_catalog');
CREATE FOREIGN TABLE rs_role () SERVER pgtrickle OPTIONS (query 'SELECT id FROM public.rs_event', "setting_role" 'postgres');
SET client_min_messages = warning;
DROP TABLE rs_event, rs_local CASCADE;
DROP FUNCTION rs_day;
RESET client_min_messages;
