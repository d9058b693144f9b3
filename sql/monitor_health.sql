-- The state of all stream tables: in one row, and check by check. By a role that sees these stream tables only.
CREATE TABLE he_source (id int PRIMARY KEY, n int);
INSERT INTO he_source VALUES (1, 1);
CREATE FOREIGN TABLE he_good () SERVER pgtrickle OPTIONS (query 'SELECT id FROM he_source', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE he_bad () SERVER pgtrickle OPTIONS (query 'SELECT 1 / n AS q FROM he_source', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE ROLE he_reader;
GRANT SELECT ON he_good, he_bad TO he_reader;

-- the manager is started by the first commit of a stream table
DO $$
BEGIN
  FOR i IN 1..300 LOOP
    EXIT WHEN (SELECT manager_running FROM pgtrickle.quick_health);
    PERFORM pg_sleep(0.1);
  END LOOP;
END $$;
SET ROLE he_reader;
SELECT * FROM pgtrickle.quick_health;
SELECT check_name, severity, detail FROM pgtrickle.health_check()
  WHERE check_name NOT IN ('launcher', 'manager', 'worker_processes', 'shared_memory', 'catalog', 'change_logs', 'wal');
SELECT check_name, severity FROM pgtrickle.health_check()
  WHERE check_name IN ('launcher', 'manager', 'worker_processes', 'shared_memory', 'catalog', 'change_logs', 'wal');
RESET ROLE;

-- the library is of another version than the extension of the database
BEGIN;
UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pg_trickle';
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'version';
ROLLBACK;

-- suspended, marked, with its capture disabled
SELECT pgtrickle.alter_stream_table('he_bad', status => 'SUSPENDED');
ALTER TABLE he_source DISABLE TRIGGER ALL;
SET ROLE he_reader;
SELECT total_stream_tables, active_tables, suspended_tables, status, health FROM pgtrickle.quick_health;
SELECT check_name, severity, detail FROM pgtrickle.health_check() WHERE severity <> 'OK';
RESET ROLE;
SELECT pgtrickle.resume_stream_table('he_bad');
SELECT pgtrickle.refresh_stream_table('he_good');
SELECT pgtrickle.refresh_stream_table('he_bad');

-- never filled: it cannot be read
CREATE FOREIGN TABLE he_empty () SERVER pgtrickle OPTIONS (query 'SELECT 1 / (n - 1) AS q FROM he_source', schedule '520w', refresh_mode 'DIFFERENTIAL', initialize 'false');
SELECT pgtrickle.alter_stream_table('he_empty', status => 'SUSPENDED');
GRANT SELECT ON he_empty TO he_reader;
SET ROLE he_reader;
SELECT check_name, severity, detail FROM pgtrickle.health_check() WHERE severity <> 'OK' ORDER BY 1;
RESET ROLE;

-- a switch that is off
SET pg_trickle.enabled = off;
SELECT check_name, severity, detail FROM pgtrickle.health_check() WHERE check_name = 'enabled';
RESET pg_trickle.enabled;

-- a long list of names is shortened
SELECT pgtrickle.name_list(ARRAY(SELECT 'n' || i FROM generate_series(1, 10) i));
SELECT pgtrickle.name_list(ARRAY(SELECT 'n' || i FROM generate_series(1, 12) i));
DROP TABLE he_source CASCADE;
DROP OWNED BY he_reader;
DROP ROLE he_reader;
