-- A materialized view is read as a table; REFRESH logs its changes.
SET client_min_messages = warning;
CREATE SCHEMA source_matview;
SET search_path = source_matview;
CREATE TABLE base (id int, k int, v numeric, t text);
INSERT INTO base SELECT i, i % 5, i, repeat('x', i * 100) FROM generate_series(1, 30) i;
UPDATE base SET t = (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 3000) g) || id WHERE id < 4;
CREATE MATERIALIZED VIEW view AS SELECT id, k, v, t FROM base;
CREATE UNIQUE INDEX ON view (id);
CREATE TABLE kept (name name, query text);
INSERT INTO kept VALUES
  ('rows', 'SELECT id, v FROM view WHERE k > 1'),
  ('groups', 'SELECT k, count(*) AS n, sum(v) AS total, max(t) AS t FROM view GROUP BY k'),
  ('joined', 'SELECT b.id, m.v, m.t FROM base b LEFT JOIN view m ON m.id = b.id');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
SELECT pgtrickle.create_stream_table('fully', 'SELECT sum(v) AS s FROM view', '520w', 'FULL') \g /dev/null
CREATE FUNCTION actions() RETURNS TABLE (st name, action text, rows_changed bigint) LANGUAGE sql AS $$
  SELECT name, h.action, rows_inserted + rows_deleted FROM kept, LATERAL pgtrickle.get_refresh_history(name, 1) h ORDER BY 1 $$;

-- without_a_refresh_of_the_view_nothing_changes
UPDATE base SET v = v + 1 WHERE id = 30;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- refresh_logs_the_difference_alone
UPDATE base SET v = 100.0, t = t || '!' WHERE id = 2;
DELETE FROM base WHERE id = 9;
INSERT INTO base VALUES (31, 2, 7.50, NULL);
REFRESH MATERIALIZED VIEW view;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
UPDATE base SET v = 100.00 WHERE id = 2;
UPDATE base SET k = NULL WHERE id IN (3, 8);
REFRESH MATERIALIZED VIEW CONCURRENTLY view;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
SELECT v FROM rows WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('fully');
SELECT s = (SELECT sum(v) FROM view) AS same FROM fully;

-- refreshed_twice, and_undone
BEGIN;
DELETE FROM base WHERE id < 5;
REFRESH MATERIALIZED VIEW view;
ROLLBACK;
REFRESH MATERIALIZED VIEW view;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- emptied: refreshes_raise_an_error, until it has rows again
REFRESH MATERIALIZED VIEW view WITH NO DATA;
SELECT pgtrickle.refresh_stream_table('rows');
REFRESH MATERIALIZED VIEW view;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- the_first_REFRESH, through views: stream tables that they read are refreshed before
CREATE VIEW of_rows AS SELECT * FROM rows;
CREATE VIEW of_two AS SELECT id FROM of_rows UNION ALL SELECT id FROM of_rows;
CREATE VIEW of_none AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW first_filled AS SELECT count(*) AS n FROM of_two WITH NO DATA;
CREATE MATERIALIZED VIEW unrelated AS SELECT one FROM of_none WITH NO DATA;
DELETE FROM base WHERE id = (SELECT max(id) FROM view WHERE k > 1);
REFRESH MATERIALIZED VIEW view;
REFRESH MATERIALIZED VIEW first_filled;
REFRESH MATERIALIZED VIEW unrelated;
SELECT n = 2 * (SELECT count(*) FROM view WHERE k > 1) AS is_fresh, one FROM first_filled, unrelated;
DROP VIEW of_rows, of_none CASCADE;
-- the manager writes the history after it has answered
SELECT test.wait_for($$SELECT count(*) FROM actions() WHERE action = 'DIFFERENTIAL'$$, '3');
SELECT * FROM actions();

-- renamed_and_dropped
ALTER MATERIALIZED VIEW view RENAME COLUMN v TO value;
ALTER MATERIALIZED VIEW view RENAME TO other;
UPDATE kept SET query = replace(replace(query, 'view', 'other'), 'm.v', 'm.value');
UPDATE kept SET query = replace(query, 'sum(v)', 'sum(value)');
UPDATE kept SET query = replace(query, 'id, v', 'id, value');
DELETE FROM base WHERE id = 20;
REFRESH MATERIALIZED VIEW other;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
DROP MATERIALIZED VIEW other CASCADE;
DROP SCHEMA source_matview CASCADE;
SELECT count(*) FROM pgtrickle.pgt_source s WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = s.relid);
