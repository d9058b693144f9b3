-- A function in a defining query runs in the middle of a refresh. It may not refresh, create, change or drop a stream table there,
-- in particular not the one that is being refreshed.
SET client_min_messages = warning;
CREATE SCHEMA nested;
CREATE TABLE nested.source (a int);
INSERT INTO nested.source VALUES (1);
-- Runs `command` and returns its outcome.
CREATE FUNCTION nested.attempt(command text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  EXECUTE command;
  RETURN 'done';
EXCEPTION WHEN object_in_use THEN
  RETURN sqlerrm;
END $$;
CREATE TABLE nested.command (number int, command text);

-- nothing_is_refreshed_or_changed_within_a_refresh
SELECT pgtrickle.create_stream_table('nested.attempts', $$
  SELECT number, nested.attempt(command) AS outcome FROM nested.command
  $$, '520w', 'FULL');
SELECT pgtrickle.create_stream_table('nested.other', 'SELECT a FROM nested.source', '520w');
INSERT INTO nested.command VALUES
  (1, $$SELECT pgtrickle.refresh_stream_table('nested.attempts')$$),
  (2, $$SELECT pgtrickle.refresh_stream_table('nested.other')$$),
  (3, $$SELECT pgtrickle.create_stream_table('nested.third', 'SELECT a FROM nested.source')$$),
  (4, $$ALTER FOREIGN TABLE nested.attempts OPTIONS (SET query 'SELECT a, a::text FROM nested.source')$$),
  (5, $$DROP FOREIGN TABLE nested.other$$),
  (6, $$SELECT a FROM nested.other$$);
SELECT pgtrickle.refresh_stream_table('nested.attempts');
SET pg_trickle.max_staleness = -1;
SELECT number, outcome FROM nested.attempts ORDER BY number;
RESET pg_trickle.max_staleness;

-- and_afterwards_all_is_as_it_was
INSERT INTO nested.source VALUES (2);
SELECT pgtrickle.refresh_stream_table('nested.other');
SELECT a FROM nested.other ORDER BY a;

DROP FOREIGN TABLE nested.attempts, nested.other;
DROP SCHEMA nested CASCADE;
