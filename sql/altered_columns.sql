-- Another query appends columns, as CREATE OR REPLACE VIEW does, retypes those that no view reads, and moves none.
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
-- as_is_one_that_would_take_the_place_of_another
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, price FROM item');
SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT price, kind FROM item', '520w');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT i.id, i.price, i.k AS other FROM item i JOIN item j USING (id)');
-- unless_the_query_says_so
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT k AS id, id AS k FROM item');
SELECT * FROM st ORDER BY id LIMIT 2;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, max(k) FROM item GROUP BY id');
SELECT * FROM st ORDER BY id LIMIT 2;

-- a_value_of_another_type_retypes_the_column
CREATE FUNCTION columns(name text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = name::regclass AND attnum > 0 $$;
CREATE INDEX st_next ON st ((k + 1)) WHERE k > 5;
CREATE UNIQUE INDEX st_both ON st (id, k);
CREATE STATISTICS st_s ON id, (k % 3) FROM st;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id::bigint, k FROM item');
SELECT columns('st');
SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT id, k::float8::numeric(8,2) AS k FROM item', '520w');
SELECT columns('st');
SELECT replace(indexdef, 'st_' || 'st'::regclass::oid, 'st_…') AS index FROM pg_indexes WHERE indexname IN ('st_next', 'st_both') ORDER BY 1;
SELECT * FROM st WHERE k + 1 = 21;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, kind AS k FROM item');
SELECT columns('st');
CREATE VIEW reads_k AS SELECT k FROM st;
SELECT pgtrickle.create_stream_table('reads_id', 'SELECT id FROM st', '520w');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k::float8 FROM item');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id::text, k FROM item');
DROP FOREIGN TABLE reads_id;
DROP VIEW reads_k;
DROP INDEX st_both;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id::text, k::int FROM item');
UPDATE item SET k = 11 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('st');
SELECT * FROM test.differences('st', 'SELECT id::text, k FROM item');
UPDATE item SET k = 10 WHERE id = 1;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k FROM item');
SELECT columns('st');
-- indexes_follow_the_collation_of_the_column
DROP INDEX st_next;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, kind COLLATE "C" AS k FROM item');
SELECT columns('st'), attcollation::regcollation FROM pg_attribute WHERE attrelid = 'st'::regclass AND attname = 'k';
CREATE INDEX st_plain ON st (k); CREATE INDEX st_own ON st (k COLLATE "POSIX", id);
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, (kind COLLATE "POSIX")::varchar AS k FROM item');
SELECT replace(indexdef, 'st_' || 'st'::regclass::oid, 'st_…') AS index FROM pg_indexes WHERE indexname IN ('st_plain', 'st_own') ORDER BY 1;
DROP INDEX st_own;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k FROM item');
SELECT replace(indexdef, 'st_' || 'st'::regclass::oid, 'st_…') AS index FROM pg_indexes WHERE indexname = 'st_plain';
-- readers_of_whole_rows_follow_a_retyped_column
CREATE TABLE mt (id int PRIMARY KEY, a int);
INSERT INTO mt SELECT g, g FROM generate_series(1, 60) g;
SELECT pgtrickle.create_stream_table('ms', 'SELECT id, a::numeric AS a FROM altered_columns.mt', '520w');
SELECT pgtrickle.create_stream_table('md_' || mode, 'SELECT id, ms::text AS r FROM ms', '520w', mode) FROM unnest('{differential,full}'::text[]) mode;
ALTER FOREIGN TABLE ms ALTER COLUMN a TYPE int;
BEGIN ISOLATION LEVEL REPEATABLE READ;
ALTER FOREIGN TABLE ms OPTIONS (SET query 'SELECT id, a::numeric AS a FROM altered_columns.mt');
COMMIT;
BEGIN;
ALTER FOREIGN TABLE ms OPTIONS (SET query 'SELECT id, a FROM altered_columns.mt WHERE id > 1');
ALTER FOREIGN TABLE ms OPTIONS (SET query 'SELECT id, a::text AS a FROM altered_columns.mt');
UPDATE mt SET a = a + 1 WHERE id > 50;
ALTER FOREIGN TABLE ms OPTIONS (SET query 'SELECT id, a FROM altered_columns.mt');
COMMIT;
UPDATE mt SET a = a + 1 WHERE id > 40;
SELECT pgtrickle.refresh_stream_table('md_' || mode) FROM unnest('{differential,full}'::text[]) mode;
SELECT * FROM test.differences('md_differential', 'SELECT id, row(id, a)::text FROM mt') UNION ALL SELECT * FROM test.differences('md_full', 'SELECT id, row(id, a)::text FROM mt');
DROP TABLE mt CASCADE;
-- a_declared_type_stays_as_long_as_the_query_returns_the_same
ALTER FOREIGN TABLE cast_before OPTIONS (SET query 'SELECT id, price + 0.04 FROM item');
SELECT columns('cast_before');
ALTER FOREIGN TABLE cast_before OPTIONS (SET query 'SELECT id::smallint, price FROM item');
SELECT columns('cast_before');
ALTER FOREIGN TABLE cast_before OPTIONS (SET query 'SELECT id::bigint, price + 0.04 FROM item');
SELECT columns('cast_before'), total FROM cast_before ORDER BY id LIMIT 1;
-- a_partition_keeps_its_types
CREATE TABLE retyped_root (id bigint, n int) PARTITION BY LIST (n);
SELECT pgtrickle.create_stream_table('retyped_part', 'SELECT id::bigint AS id, k AS n FROM item', '520w');
ALTER TABLE retyped_root ATTACH PARTITION retyped_part DEFAULT;
ALTER FOREIGN TABLE retyped_part OPTIONS (SET query 'SELECT id, k AS n FROM item');
DROP TABLE retyped_root;

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
-- and_dropped, and_appended_again
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind, price * 2 AS twice, price FROM item');
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind, price * 2 AS twice, price, 7 AS seven FROM item');
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

-- a_column_of_a_row_type_in_use_is_not_retyped, and no row is computed
CREATE FUNCTION computed(v int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING 'computed'; RETURN v; END $$;
SELECT pgtrickle.create_stream_table('typed', 'SELECT id, k FROM item', '520w');
CREATE TABLE holder (one typed);
ALTER FOREIGN TABLE typed OPTIONS (SET query 'SELECT id, computed(k) AS k FROM item');
DROP TABLE holder;
ALTER FOREIGN TABLE typed OPTIONS (SET query 'SELECT id, computed(k) AS k FROM item WHERE id = 1');
SELECT pg_typeof(k) FROM typed;
DROP FOREIGN TABLE typed;

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
-- the_text_that_was_accepted_at_creation, whatever_its_names
CREATE TABLE client (id int PRIMARY KEY, name text); CREATE TABLE sale (id int PRIMARY KEY, client int, amount int);
INSERT INTO client VALUES (1, 'a'), (2, 'b'); INSERT INTO sale VALUES (10, 1, 5), (11, 2, 7);
CREATE FOREIGN TABLE of_sale (id int, client int) SERVER pgtrickle OPTIONS (query 'SELECT s.id, c.id FROM sale s JOIN client c ON c.id = s.client', schedule '520w');
ALTER FOREIGN TABLE of_sale OPTIONS (SET query 'SELECT s.id, c.id FROM sale s JOIN client c ON c.id = s.client');
SELECT pgtrickle.create_or_replace_stream_table('of_sale', 'SELECT s.id, c.id FROM sale s JOIN client c ON c.id = s.client', '520w') \g /dev/null
ALTER FOREIGN TABLE of_sale OPTIONS (SET query 'SELECT s.id, c.id FROM sale s JOIN client c ON c.id = s.client WHERE s.amount > 5');
TABLE of_sale;
-- but_not_in_another_order
ALTER FOREIGN TABLE of_sale OPTIONS (SET query 'SELECT c.id, s.id FROM sale s JOIN client c ON c.id = s.client');
ALTER FOREIGN TABLE of_sale OPTIONS (SET query 'SELECT c.id, s.id FROM client c JOIN sale s ON c.id = s.client');
CREATE TABLE left_one (x int, y int); CREATE TABLE right_one (x int, y int);
SELECT pgtrickle.create_stream_table('merged', 'SELECT x, y FROM left_one FULL JOIN right_one USING (x, y)', '520w') \g /dev/null
ALTER FOREIGN TABLE merged OPTIONS (SET query 'SELECT y, x FROM left_one FULL JOIN right_one USING (y, x)');
DROP SCHEMA altered_columns CASCADE;
RESET client_min_messages;
