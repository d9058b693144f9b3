-- Among the first rows are values with rows in them, whose fields are compressed in a table and are not in a change log:
-- both have one place in the order.
SET client_min_messages = warning;
CREATE SCHEMA first_rows_of_rows;
SET search_path = first_rows_of_rows, public;
CREATE TYPE pair AS (x text, i int);
CREATE TYPE pairs AS RANGE (subtype = pair);
CREATE TABLE u (k int, i int, x text);
INSERT INTO u SELECT 1, i, repeat('a', 5000) FROM generate_series(1, 300) i;
-- the_table_has_compressed_values
SELECT max(pg_column_size(x)) < 1000 AS is_compressed FROM u;
CREATE TABLE definition (name text, query text);
INSERT INTO definition VALUES
  ('first_rows', 'SELECT k, v FROM (SELECT k, ROW(x, i)::pair AS v FROM u UNION ALL SELECT 1, ROW(x, i)::pair FROM u WHERE i < 0) q ORDER BY k LIMIT 3'),
  ('first_ranges', 'SELECT k, v FROM (SELECT k, pairs(ROW(x, i)::pair, NULL) AS v FROM u UNION ALL SELECT 1, NULL FROM u WHERE i < 0) q ORDER BY k LIMIT 3');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
-- none_of_the_first_rows_stays_without_its_source
CREATE PROCEDURE remove_a_first_row() LANGUAGE sql AS $$
  DELETE FROM u WHERE i IN ((SELECT min((v).i) FROM first_rows), (SELECT min((lower(v)).i) FROM first_ranges));
  SELECT pgtrickle.refresh_stream_table(name) FROM definition WHERE name LIKE 'first%' $$;
CREATE VIEW without_source AS
  SELECT 'rows' AS of, count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM u WHERE u.i = (v).i)) AS without_source FROM first_rows
  UNION ALL SELECT 'ranges', count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM u WHERE u.i = (lower(v)).i)) FROM first_ranges;
CALL remove_a_first_row(); CALL remove_a_first_row();
TABLE without_source;
CALL remove_a_first_row(); CALL remove_a_first_row();
TABLE without_source;
-- whole_rows, of which the last one of the reserve goes
CREATE TABLE w (id int PRIMARY KEY, x text);
INSERT INTO w SELECT i, repeat('a', 5000) FROM generate_series(1, 300) i;
SELECT pgtrickle.create_stream_table('whole', 'SELECT id, w AS row FROM w ORDER BY id LIMIT 3', '520w', 'DIFFERENTIAL');
DELETE FROM w WHERE id = 103;
SELECT pgtrickle.refresh_stream_table('whole');
DELETE FROM w WHERE id <= 100;
SELECT pgtrickle.refresh_stream_table('whole');
SELECT id FROM whole ORDER BY id;

DROP SCHEMA first_rows_of_rows CASCADE;
