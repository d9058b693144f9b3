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

-- nor_while_a_query_is_compiled
-- Calls with constants are evaluated then, while a refresh holds what it has compiled of other stream tables.
CREATE SEQUENCE nested.tried;
CREATE SEQUENCE nested.explained;
CREATE SEQUENCE nested.refreshed;
CREATE FUNCTION nested.folded(k int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  PERFORM nextval('nested.tried');
  BEGIN
    PERFORM pgtrickle.explain_st('nested.other', true);
    PERFORM nextval('nested.explained');
  EXCEPTION WHEN object_in_use THEN NULL;
  END;
  BEGIN
    PERFORM pgtrickle.refresh_stream_table('nested.other');
    PERFORM nextval('nested.refreshed');
  EXCEPTION WHEN object_in_use THEN NULL;
  END;
  RETURN k;
END $$;
CREATE TABLE nested.query (name text, query text);
INSERT INTO nested.query VALUES
  ('in_output', 'SELECT a, count(*) + nested.folded(3) AS c FROM nested.other GROUP BY a'),
  ('in_having', 'SELECT a + nested.folded(3) AS k, sum(a + nested.folded(2)) AS s FROM nested.other GROUP BY 1
                 HAVING count(*) < nested.folded(100)'),
  ('in_window', 'SELECT a, lag(a, nested.folded(1)) OVER (PARTITION BY a + nested.folded(1) ORDER BY a) AS l FROM nested.other'),
  ('in_limit', 'SELECT a FROM nested.other ORDER BY a LIMIT nested.folded(3)');
SELECT count(pgtrickle.create_stream_table('nested.' || name, query, '520w')) FROM nested.query;
\c -
SET client_min_messages = warning;
INSERT INTO nested.source VALUES (3);
SELECT count(pgtrickle.refresh_stream_table('nested.' || name)) FROM nested.query;
\c -
SET client_min_messages = warning;
SELECT count(*) > 0 AS is_explained FROM nested.query, pgtrickle.explain_st('nested.' || name, true);
SELECT tried.is_called AS is_tried, explained.is_called AS is_explained, refreshed.is_called AS is_refreshed
FROM nested.tried, nested.explained, nested.refreshed;
SELECT format('DROP FOREIGN TABLE nested.%I', name) FROM nested.query
\gexec

DROP FOREIGN TABLE nested.attempts, nested.other;
DROP SCHEMA nested CASCADE;
