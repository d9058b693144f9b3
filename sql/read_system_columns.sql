-- System columns of a stream table are those of the row that is stored, on both read routes.
SET client_min_messages = warning;
CREATE SCHEMA read_system_columns;
SET search_path = read_system_columns, public;
CREATE TABLE src (id int PRIMARY KEY, v text);
INSERT INTO src SELECT g, 'v' || g FROM generate_series(1, 5) g;
SELECT pgtrickle.create_stream_table('st', 'SELECT id, v FROM src', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('parts', 'SELECT id, v FROM src', '520w', 'DIFFERENTIAL', partition_by => 'HASH (id, 2)');
CREATE FUNCTION stored(name text) RETURNS TABLE (r text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT row(id, v, ctid, xmin, xmax, cmin, cmax)::text FROM pg_trickle_storage.%I', 'st_' || name::regclass::oid);
END $$;
-- each_is_that_of_the_stored_row
SELECT count(*) AS equal FROM (SELECT row(id, v, ctid, xmin, xmax, cmin, cmax)::text FROM st INTERSECT SELECT stored('st')) x;
SELECT count(*) AS equal FROM (SELECT row(id, v, ctid, xmin, xmax, cmin, cmax)::text FROM parts INTERSECT SELECT stored('parts')) x;
SELECT ctid, v FROM st WHERE id = 3;
SELECT id FROM st WHERE ctid = '(0,4)';
SELECT id, st.tableoid::regclass, x.v FROM st JOIN (SELECT ctid AS c, v FROM st) x ON x.c = st.ctid ORDER BY id LIMIT 2;
SELECT x.*, x AS whole, x.xmax, x.xmin <> '0' AS has_xmin FROM st x ORDER BY id DESC LIMIT 1;
SELECT count(DISTINCT xmin::text), count(cmin), count(xmax), count(cmax) FROM st;
-- xmin_changes_with_the_row, and only then
CREATE TEMP TABLE before AS SELECT id, xmin::text AS x FROM st;
UPDATE src SET v = 'changed' WHERE id = 2;
INSERT INTO src VALUES (6, NULL);
SELECT pgtrickle.refresh_stream_table('st');
SELECT id, v FROM st WHERE NOT EXISTS (SELECT FROM before WHERE before.id = st.id AND x = st.xmin::text) ORDER BY id;
-- by_a_parent, with_a_system_column_in_a_join_and_a_subquery
CREATE TABLE parent (id int, v text);
INSERT INTO parent VALUES (100, 'parent');
ALTER FOREIGN TABLE st INHERIT parent;
SELECT tableoid::regclass, ctid, id FROM parent WHERE id IN (1, 100) ORDER BY id;
SELECT id, (SELECT s.ctid FROM st s WHERE s.id = src.id) FROM src WHERE id < 3 ORDER BY id;
SELECT id FROM src WHERE EXISTS (SELECT FROM st s WHERE s.id = src.id AND s.ctid = '(0,1)');
-- a_rescan_of_a_cursor
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, xmax FROM st ORDER BY ctid;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
COMMIT;
DROP SCHEMA read_system_columns CASCADE;
RESET client_min_messages;
