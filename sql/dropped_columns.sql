-- Another query drops columns of a stream table, which keeps its views, dependents, grants, comments and indexes.
SET client_min_messages = warning;
CREATE SCHEMA dropped_columns;
SET search_path = dropped_columns, public;
CREATE TABLE item (id int PRIMARY KEY, k int, kind text, price numeric(10,2));
INSERT INTO item SELECT g, g % 7, 'k' || g % 3, g FROM generate_series(1, 30) g;
CREATE FUNCTION columns(name text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
  WHERE attrelid = name::regclass AND attnum > 0 AND NOT attisdropped $$;
SELECT pgtrickle.create_stream_table(name, query, '520w', mode) FROM (VALUES
  ('st', 'SELECT id, k, kind, price FROM item', 'DIFFERENTIAL'),
  ('groups', 'SELECT kind, k, count(*) AS n, sum(price) AS total, max(id) AS last FROM item GROUP BY kind, k', 'DIFFERENTIAL'),
  ('alone', 'SELECT DISTINCT kind, k FROM item', 'DIFFERENTIAL'),
  ('in_full', 'SELECT id, k, kind FROM item', 'FULL')) v (name, query, mode);
CREATE VIEW over AS SELECT id, price FROM st;
SELECT pgtrickle.create_stream_table('above', 'SELECT price, count(*) AS n FROM st GROUP BY price', '520w', 'DIFFERENTIAL');
CREATE OR REPLACE VIEW over AS SELECT id, price FROM st;  -- its entries in pg_depend follow the others now
CREATE INDEX by_kind ON st (kind);
CREATE INDEX by_k ON st ((k + 1)) WHERE kind > 'a';
CREATE UNIQUE INDEX by_id ON st (id) INCLUDE (price);
CREATE STATISTICS of_kind ON kind, k FROM st;
COMMENT ON COLUMN st.price IS 'what it costs';
PREPARE read AS SELECT * FROM st ORDER BY id LIMIT 1;
EXECUTE read;

-- a_column_that_others_read_stays
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, kind FROM item');
SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT k, kind, price FROM item', '520w', 'DIFFERENTIAL');
SELECT columns('st');
CREATE FUNCTION reads_k() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(k) FROM st; END;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, kind, price FROM item');
DROP FUNCTION reads_k;
-- the_others_are_dropped
SET client_min_messages = notice;
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, k, price FROM item');
SET client_min_messages = warning;
SELECT columns('st'), col_description('st'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'st'::regclass AND attname = 'price';
EXECUTE read;
SELECT * FROM over ORDER BY id LIMIT 1;
SELECT st FROM st ORDER BY id LIMIT 1;
SELECT relname FROM pg_class WHERE relname IN ('by_kind', 'by_k', 'by_id');
UPDATE item SET price = price + 1 WHERE id < 4; DELETE FROM item WHERE id = 30; INSERT INTO item VALUES (31, 5, 'k1', 2);
SELECT pgtrickle.refresh_stream_table('above');
SELECT * FROM test.differences('st', 'SELECT id, k, price FROM item');
SELECT * FROM test.differences('above', 'SELECT price, count(*) FROM item GROUP BY price');
-- more_of_them, and_one_is_appended
ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, price, upper(kind) AS kind FROM item');
SELECT columns('st');
SELECT * FROM test.differences('st', 'SELECT id, price, upper(kind) FROM item');
SELECT pgtrickle.stream_table_key('st');
SELECT regexp_replace(pgtrickle.export_definition('st'), '\s+', ' ', 'g') AS definition;
SELECT option_value FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'st'::regclass)) WHERE option_name = 'query';
-- in_groups, in_distinct_rows, in_full
ALTER FOREIGN TABLE groups OPTIONS (SET query 'SELECT kind, count(*) AS n, max(id) AS last FROM item GROUP BY kind');
ALTER FOREIGN TABLE alone OPTIONS (SET query 'SELECT DISTINCT k FROM item');
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT id, kind FROM item');
UPDATE item SET kind = 'k9', k = 9 WHERE id IN (5, 31);
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{groups,alone,in_full}'::text[]) name;
SELECT * FROM test.differences('groups', 'SELECT kind, count(*) AS n, max(id) AS last FROM item GROUP BY kind');
SELECT * FROM test.differences('alone', 'SELECT DISTINCT k FROM item');
SELECT * FROM test.differences('in_full', 'SELECT id, kind FROM item');
SELECT columns('groups'), columns('alone'), columns('in_full');
-- read_afterwards_by: other queries, renamed sources, modes, repair, types, indexes, partitions
ALTER TABLE item RENAME COLUMN kind TO sort;
ALTER FOREIGN TABLE groups RENAME COLUMN n TO number;
SELECT pgtrickle.alter_stream_table('groups', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('in_full', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.repair_stream_table('alone');
ALTER FOREIGN TABLE in_full ALTER COLUMN id TYPE bigint;
CREATE INDEX by_last ON groups (last, kind);
ANALYZE groups;
SELECT pgtrickle.alter_stream_table('st', partition_by => 'HASH (id, 3)');
SELECT pgtrickle.create_stream_table('beside', 'SELECT g.kind, g.number, s.price, a.k FROM groups g JOIN st s ON s.id = g.last LEFT JOIN alone a ON a.k = s.id', '520w', 'DIFFERENTIAL');
UPDATE item SET sort = 'k4' WHERE id < 9; INSERT INTO item VALUES (50, 7, 'k5', 1);
SELECT pgtrickle.refresh_stream_table('beside'), pgtrickle.refresh_stream_table('in_full');
SELECT * FROM test.differences('groups', 'SELECT sort, count(*), max(id) FROM item GROUP BY sort');
SELECT * FROM test.differences('st', 'SELECT id, price, upper(sort) FROM item');
SELECT * FROM test.differences('in_full', 'SELECT id::bigint, sort FROM item');
SELECT * FROM test.differences('beside', 'SELECT g.sort, g.n, s.price, a.k FROM (SELECT sort, count(*) AS n, max(id) AS last FROM item GROUP BY sort) g JOIN item s ON s.id = g.last LEFT JOIN (SELECT DISTINCT k FROM item) a ON a.k = s.id');
SELECT count(*) FROM groups WHERE last > 40 AND kind = 'k5';
SELECT check_name, severity FROM pgtrickle.health_check() WHERE check_name IN ('storage', 'suspended');
-- exact_reads_find_the_columns
SET pg_trickle.read_mode = exact;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE item SET price = 1000 WHERE id = 1;
SELECT id, price, kind FROM st WHERE id < 3 ORDER BY id;
DELETE FROM item WHERE id > 20;
SELECT count(*), sum(number) FROM groups;
SELECT * FROM test.differences('groups', 'SELECT sort, count(*), max(id) FROM item GROUP BY sort');
SELECT * FROM test.differences('st', 'SELECT id, price, upper(sort) FROM item');
SELECT * FROM test.differences('alone', 'SELECT DISTINCT k FROM item');
SELECT s, s.kind FROM st s ORDER BY id LIMIT 1;
ROLLBACK;
RESET pg_trickle.read_mode;
-- a_column_of_that_name_comes_again
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT id::bigint, sort AS kind, k FROM item');
SELECT columns('in_full');
SELECT * FROM test.differences('in_full', 'SELECT id::bigint, sort, k FROM item');
-- it_is_not_clear_which
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT id::bigint, max(sort) FROM item GROUP BY id');
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT k AS x FROM item');
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT sort AS kind, id % 2 FROM item');
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT id::bigint, k, max(sort) FROM item GROUP BY id, k');
-- rolled_back
BEGIN;
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT sort AS kind FROM item');
SELECT columns('in_full'), (SELECT count(DISTINCT kind) FROM in_full);
ROLLBACK;
SELECT columns('in_full'), (SELECT count(id) FROM in_full);
-- a_child_of_the_stream_table_and_a_partition
CREATE TABLE child () INHERITS (in_full);
INSERT INTO child (id, kind, k) VALUES (7, 'child', 8);
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT id::bigint, k FROM item');
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT id, sort AS kind, k FROM item');
SELECT * FROM in_full WHERE id = 7 ORDER BY k;
ALTER TABLE child NO INHERIT in_full;
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT id::bigint, k FROM item');
SELECT * FROM child;
CREATE TABLE parts (id bigint, k int) PARTITION BY LIST (k);
ALTER TABLE parts ATTACH PARTITION in_full FOR VALUES IN (0, 1, 2, 3, 4, 5, 6, 7, 9);
SELECT k, count(*) FROM parts WHERE k > 5 GROUP BY k ORDER BY k;
ALTER FOREIGN TABLE in_full OPTIONS (SET query 'SELECT k FROM item');
INSERT INTO item VALUES (60, 6, 'x', 0);
SELECT pgtrickle.refresh_stream_table('in_full');
SELECT k, count(*) FROM parts WHERE k > 5 GROUP BY k ORDER BY k;
INSERT INTO item VALUES (61, 77, 'x', 0);
SELECT pgtrickle.refresh_stream_table('in_full');
-- a_column_of_the_query_is_none_of_these, whatever_its_name
CREATE FOREIGN TABLE named (id int) SERVER pgtrickle OPTIONS (query 'SELECT id, 2 AS pgt_dropped_9 FROM item UNION SELECT id, 3 FROM item');
CREATE FOREIGN TABLE named (id int) SERVER pgtrickle OPTIONS (query 'SELECT id, k AS pgt_dropped_9 FROM item GROUP BY id, k');
CREATE FOREIGN TABLE named () SERVER pgtrickle OPTIONS (query 'SELECT id, k AS pgt_dropped_9 FROM item');
SELECT pgtrickle.create_stream_table('named', 'SELECT id, k AS pgt_dropped_9 FROM item');
CREATE FOREIGN TABLE named (id int, k int) SERVER pgtrickle OPTIONS (query 'SELECT id, k FROM item', schedule '520w');
ALTER FOREIGN TABLE named OPTIONS (SET query 'SELECT id, k, k AS pgt_dropped_9 FROM item');
SELECT pgtrickle.repair_stream_table('named');
SELECT count(k) FROM named;
DROP SCHEMA dropped_columns CASCADE;
