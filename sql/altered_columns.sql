-- Another query appends columns, as CREATE OR REPLACE VIEW does, and neither moves nor retypes the others.
SET client_min_messages = warning;
CREATE SCHEMA altered_columns;
SET search_path = altered_columns, public;
CREATE TABLE item (id int PRIMARY KEY, k int, kind text, price numeric(10,2));
INSERT INTO item SELECT g, 10 * g, 'k' || g % 2, g FROM generate_series(1, 4) g;
CREATE FOREIGN TABLE st (id int, k int) SERVER pgtrickle OPTIONS (query 'SELECT id, k FROM item', schedule '520w');
CREATE FOREIGN TABLE cast_before (id bigint, total numeric(6,1)) SERVER pgtrickle OPTIONS (query 'SELECT id, price FROM item', schedule '520w');

-- a_moved_column_is_refused
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT k, id FROM item');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT price::int, id FROM item');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, kind, k FROM item');
SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT k, id FROM item', '520w');
SELECT pgtrickle.alter_stream_table('st', query => 'SELECT k, id FROM item');
SELECT * FROM st ORDER BY id LIMIT 2;
-- unless_the_query_says_so
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT k AS id, id AS k FROM item');
SELECT * FROM st ORDER BY id LIMIT 2;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, max(k) FROM item GROUP BY id');
SELECT * FROM st ORDER BY id LIMIT 2;

-- a_value_of_another_type_is_refused
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id::bigint, k FROM item');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k::float8 FROM item');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k::float8::int FROM item');
-- a_value_that_the_query_before_returned_is_cast_as_before
ALTER FOREIGN TABLE cast_before OPTIONS (SET query 'SELECT id, price + 0.04 FROM item');
ALTER FOREIGN TABLE cast_before OPTIONS (SET query 'SELECT id::smallint, price FROM item');
ALTER FOREIGN TABLE cast_before OPTIONS (SET query 'SELECT id::bigint, price + 0.04 FROM item');
ALTER FOREIGN TABLE cast_before OPTIONS (SET query 'SELECT id::bigint, price FROM item');
SELECT pg_typeof(id), total FROM cast_before ORDER BY id LIMIT 1;

-- columns_are_appended
CREATE VIEW over AS SELECT * FROM st;
CREATE VIEW rows AS SELECT st AS r FROM st;
CREATE INDEX st_k ON st (k);
COMMENT ON COLUMN st.k IS 'a key';
SELECT pgtrickle.create_stream_table('whole', 'SELECT id, st::text AS r FROM st', '520w', 'FULL');
PREPARE read AS SELECT * FROM st ORDER BY id LIMIT 1;
EXECUTE read;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind, price * 2 AS twice, price FROM item');
SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'st'::regclass AND attnum > 0 ORDER BY attnum;
EXECUTE read;
SELECT * FROM over ORDER BY id LIMIT 1;
SELECT r FROM rows ORDER BY 1 LIMIT 1;
INSERT INTO item VALUES (5, 50, 'k5', 5);
SELECT pgtrickle.refresh_stream_table('st');
SELECT * FROM test.differences('st', 'SELECT id, k, kind, price * 2, price FROM item');
SELECT pgtrickle.refresh_stream_table('whole');
SELECT r FROM whole WHERE id = 5;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM st WHERE k = 5 \g |grep -o 'st_k'
RESET enable_seqscan;
SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT id, k, kind, price * 2 AS twice, price, 7 AS seven FROM item', '520w');
SELECT seven, count(*) FROM st GROUP BY 1;
-- and_not_removed
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind, price * 2 AS twice, price FROM item');
-- under_a_name_that_is_free
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind, price * 2 AS twice, price, 7 AS seven, 8 AS pgt_eight FROM item');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind, price * 2 AS twice, price, 7 AS seven, 8 AS ctid FROM item');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind, price * 2 AS twice, price, 7 AS seven, 8 AS x, 9 AS x FROM item');
-- rolled_back
BEGIN;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind, price * 2 AS twice, price, 7 AS seven, 8 AS eight FROM item');
SELECT sum(eight) FROM st;
ROLLBACK;
SELECT * FROM st WHERE id = 5;
-- a_partition_gets_none
CREATE TABLE root (a int, n int) PARTITION BY LIST (a);
SELECT pgtrickle.create_stream_table('part', 'SELECT id AS a, k AS n FROM item', '520w');
ALTER TABLE root ATTACH PARTITION part DEFAULT;
ALTER FOREIGN TABLE part OPTIONS (SET query 'SELECT id AS a, k AS n, kind FROM item');
-- the_children_of_a_stream_table_get_them
CREATE TABLE child () INHERITS (cast_before);
ALTER FOREIGN TABLE cast_before OPTIONS (SET query 'SELECT id::bigint, price, kind FROM item');
INSERT INTO child VALUES (100, 1.5, 'child');
SELECT id, kind FROM cast_before WHERE id > 4 ORDER BY id;

-- ALTER_COLUMN_TYPE casts the query
ALTER FOREIGN TABLE st ALTER COLUMN id TYPE bigint;
DROP FOREIGN TABLE whole;
ALTER FOREIGN TABLE st ALTER COLUMN id TYPE bigint;
DROP VIEW over, rows;
ALTER FOREIGN TABLE st ALTER COLUMN price TYPE int, ALTER COLUMN id TYPE bigint;
SELECT id, price, pg_typeof(id), pg_typeof(price) FROM st WHERE id = 5;
ALTER TABLE ONLY st ALTER COLUMN kind TYPE varchar(3);
ALTER FOREIGN TABLE st ALTER COLUMN kind TYPE varchar(1);
ALTER FOREIGN TABLE st ALTER COLUMN kind TYPE int USING 1;
UPDATE item SET kind = 'kkk' WHERE id = 5;
SELECT pgtrickle.refresh_stream_table('st');
SELECT id, kind, twice FROM st WHERE id = 5;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id::bigint, k, kind, price * 2 AS twice, price, 7 AS seven FROM item');
SELECT id, kind, price FROM st WHERE id = 5;
ALTER FOREIGN TABLE st DROP COLUMN kind;
DROP SCHEMA altered_columns CASCADE;
RESET client_min_messages;
