-- Queries that no refresh mode accepts.
SET client_min_messages = warning;
CREATE SCHEMA rejections;
SET search_path = rejections, public;
CREATE FUNCTION full_mode(query text) RETURNS void LANGUAGE sql
  AS $$ SELECT pgtrickle.create_stream_table('rejections.st', query, '1m', 'FULL') $$;
CREATE TABLE a (id int PRIMARY KEY, val int);
CREATE VIEW catalog_view AS SELECT relname FROM pg_class;

SELECT full_mode('SELECT id FROM a FOR UPDATE');
SELECT full_mode('SELECT id FROM (SELECT id FROM a FOR SHARE) z');
SELECT full_mode('SELECT id FROM a TABLESAMPLE SYSTEM (10)');
SELECT full_mode('SELECT id FROM a LIMIT 3');
SELECT full_mode('SELECT id FROM a OFFSET 3');
SELECT full_mode('SELECT relname FROM pg_class');
SELECT full_mode('SELECT relname FROM catalog_view');
SELECT full_mode('SELECT table_name FROM information_schema.tables');
SELECT full_mode('SELECT relid FROM pgtrickle.pgt_state');
CREATE TEMP TABLE fleeting (id int);
SELECT full_mode('SELECT id FROM fleeting');
SELECT full_mode('INSERT INTO a VALUES (1, 1) RETURNING id');
SELECT full_mode('WITH i AS (INSERT INTO a VALUES (1, 1) RETURNING id) SELECT id FROM i');
SELECT full_mode('VACUUM');
SELECT count(*) AS rows_inserted FROM a;

DROP TABLE fleeting;
DROP SCHEMA rejections CASCADE;
