-- Settings that a session defines (app.x) do not reach the query of a stream table: a refresh by a session uses the values that the
-- database gives to a process that has set nothing, as a refresh by the manager does.
SET client_min_messages = warning;
CREATE SCHEMA custom_settings;
CREATE ROLE custom_owner LOGIN;
GRANT ALL ON SCHEMA custom_settings TO custom_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO custom_owner;
SELECT current_database() AS db \gset
ALTER DATABASE :"db" SET app.of_database = 'database';
ALTER ROLE ALL SET app.of_all = 'all';
ALTER ROLE custom_owner IN DATABASE :"db" SET app.of_database = 'role';
ALTER ROLE custom_owner SET app.of_role = 'role';
\c -reuse-previous=on "user=custom_owner options='-c app.of_client=client -c app.of_all=client'"
SET client_min_messages = warning;
SET search_path = custom_settings;
SET pg_trickle.max_staleness = '520w';
SET app.of_session = 'session';
CREATE TABLE item (id int PRIMARY KEY);
INSERT INTO item VALUES (1);
-- Declared IMMUTABLE by its owner, so that the query can be maintained by deltas.
CREATE FUNCTION seen(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT string_agg(coalesce(nullif(current_setting('app.' || name, true), ''), 'none'), ' ' ORDER BY n)
          FROM unnest('{of_session,of_client,of_role,of_all,of_database}'::text[]) WITH ORDINALITY u (name, n));
END $$;
SELECT seen(0) AS by_the_session;
\set query 'SELECT id, custom_settings.seen(id) AS seen FROM custom_settings.item'
SELECT pgtrickle.create_stream_table('by_delta', :'query', '520w', 'DIFFERENTIAL'),
       pgtrickle.create_stream_table('in_full', :'query', '520w', 'FULL'),
       pgtrickle.create_stream_table('by_manager', :'query', '1s', 'DIFFERENTIAL') \g /dev/null

-- no_fill_and_no_refresh_of_a_session_sees_them
BEGIN;
SET LOCAL app.of_session = 'transaction';
INSERT INTO item VALUES (2);
SELECT pgtrickle.refresh_stream_table('by_delta'), pgtrickle.refresh_stream_table('in_full') \g /dev/null
SELECT * FROM by_delta ORDER BY id;
SELECT * FROM in_full ORDER BY id;
SELECT seen(0) AS by_the_session;
COMMIT;
SELECT seen(0) AS by_the_session;

-- the_manager_sees_the_same
INSERT INTO item VALUES (3);
DO $$
BEGIN
  FOR i IN 1 .. 1500 LOOP
    EXIT WHEN (SELECT count(*) FROM custom_settings.by_manager) = 3;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
SELECT * FROM by_manager ORDER BY id;

-- a_refresh_that_fails_leaves_them_as_they_were
CREATE FUNCTION fails(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  IF $1 > 3 THEN RAISE EXCEPTION 'failed with %', custom_settings.seen(0); END IF;
  RETURN $1;
END $$;
SELECT pgtrickle.create_stream_table('failing', 'SELECT custom_settings.fails(id) FROM custom_settings.item', '520w', 'DIFFERENTIAL') \g /dev/null
BEGIN;
INSERT INTO item VALUES (4);
SAVEPOINT before;
SELECT pgtrickle.refresh_stream_table('failing');
ROLLBACK TO before;
SELECT seen(0) AS by_the_session;
ROLLBACK;

\c -reuse-previous=on "user=postgres options=''"
SET client_min_messages = warning;
DROP SCHEMA custom_settings CASCADE;
ALTER DATABASE :"db" RESET app.of_database;
ALTER ROLE ALL RESET app.of_all;
DROP OWNED BY custom_owner;
DROP ROLE custom_owner;
