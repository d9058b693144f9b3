-- A foreign table reports no changes: it is compared with a copy at each refresh, and the difference is the delta.
SET client_min_messages = warning;
CREATE SCHEMA source_foreign;
SET search_path = source_foreign;
CREATE EXTENSION postgres_fdw;
DO $$ BEGIN EXECUTE format('CREATE SERVER source_foreign_here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L)',
  current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port')); END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER source_foreign_here;
CREATE TABLE far (id int, k int, v numeric);
INSERT INTO far SELECT i, i % 3, i FROM generate_series(1, 10) i;
CREATE FOREIGN TABLE near (id int, k int, v numeric) SERVER source_foreign_here OPTIONS (schema_name 'source_foreign', table_name 'far');
CREATE TABLE local (k int, name text);
INSERT INTO local VALUES (0, 'zero'), (1, 'one'), (5, 'five');
CREATE VIEW seen AS SELECT id, v FROM near WHERE k = 1;
CREATE TABLE kept (name name, query text);
INSERT INTO kept VALUES
  ('rows', 'SELECT id, v FROM near WHERE v > 2'),
  ('groups', 'SELECT k, count(*) AS n, sum(v) AS total, min(v) AS low FROM near GROUP BY k'),
  ('joined', 'SELECT l.name, n.id FROM local l LEFT JOIN near n ON n.k = l.k'),
  ('with_itself', 'SELECT a.id, b.v FROM near a JOIN near b ON a.id = b.k'),
  ('by_view', 'SELECT count(*) AS n FROM seen');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
SELECT pgtrickle.create_stream_table('fully', 'SELECT sum(v) AS s FROM near', '520w', 'FULL') \g /dev/null
-- The manager may have refreshed them first.
CREATE FUNCTION actions() RETURNS TABLE (st name, action text) LANGUAGE sql AS $$
  SELECT name, h.action FROM kept, LATERAL pgtrickle.get_refresh_history(name, 1) h
  WHERE h.action NOT IN ('DIFFERENTIAL', 'NO_DATA') ORDER BY 1 $$;

-- nothing_has_changed
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- changes_there, changes_here, both
INSERT INTO far VALUES (11, 1, 1.50), (11, 1, 1.50);
UPDATE far SET v = 5.0 WHERE id = 5;
DELETE FROM far WHERE id = 7;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
INSERT INTO local VALUES (2, 'two');
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
UPDATE far SET k = 5, v = NULL WHERE id < 4;
DELETE FROM far WHERE id = 11;
DELETE FROM local WHERE k = 1;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
SELECT pgtrickle.refresh_stream_table('fully');
SELECT s = (SELECT sum(v) FROM far) AS same FROM fully;

-- all_gone, and_back
TRUNCATE far;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
INSERT INTO far VALUES (1, 1, 1);
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- it_is_refreshed_whenever_due_though_nothing_here_changes
SELECT pgtrickle.create_stream_table('often', 'SELECT id FROM near', '1s', 'DIFFERENTIAL') \g /dev/null
INSERT INTO far VALUES (2, 1, 1);
DO $$ BEGIN FOR i IN 1..300 LOOP
  IF (SELECT count(*) FROM often) = 2 THEN EXIT; END IF;
  COMMIT; PERFORM pg_sleep(0.1);
END LOOP; END $$;
TABLE often ORDER BY id;

-- another_role's_view_of_it_has_another_user_mapping
CREATE ROLE source_foreign_reader SUPERUSER;
SET ROLE source_foreign_reader;
SELECT pgtrickle.create_stream_table('theirs', 'SELECT id FROM seen', '520w', 'DIFFERENTIAL');
RESET ROLE;

DROP SCHEMA source_foreign CASCADE;
DROP SERVER IF EXISTS source_foreign_here CASCADE;
DROP ROLE source_foreign_reader;
