-- ALTER COLUMN … TYPE of columns that defining queries read: the queries are analyzed again from their texts.
SET client_min_messages = warning;
CREATE SCHEMA retyped_sources;
SET search_path = retyped_sources;
CREATE TABLE item (id int PRIMARY KEY, name varchar(10), n int, price numeric(8,2), at date);
INSERT INTO item SELECT g, 'item ' || g, g % 3, g / 4.0, date '2024-01-01' + g FROM generate_series(1, 9) g;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('plain', 'SELECT id, name, n FROM item'), ('grouped', 'SELECT n, count(*) AS c, sum(n) AS s, max(name) AS last FROM item GROUP BY n'),
  ('windows', 'SELECT id, lag(name) OVER (ORDER BY id) AS before, n + 1 AS next FROM item'),
  ('prices', 'SELECT n, sum(price) AS total FROM item GROUP BY n'), ('in_full', 'SELECT name, random() < 2 AS is_less FROM item'),
  ('chained', 'SELECT last, s FROM grouped'), ('joined', 'SELECT p.name, c.last FROM plain p JOIN chained c ON c.s >= p.n JOIN item i ON i.n = p.n'),
  ('days', 'SELECT at, count(*) AS c FROM item GROUP BY at');
SELECT pgtrickle.create_stream_table(name, query, '520w', CASE name WHEN 'in_full' THEN 'FULL' ELSE 'AUTO' END) FROM kept \g /dev/null
CREATE FOREIGN TABLE declared (id int, label text, n bigint) SERVER pgtrickle OPTIONS (query 'SELECT id, name, n FROM item', schedule '520w');
INSERT INTO kept VALUES ('declared', 'SELECT id, name::text, n::bigint FROM item');
CREATE INDEX plain_name ON plain (name, lower(name));
CREATE INDEX plain_cast ON plain (((n + id)::numeric)) WHERE (n * 2)::bigint >= 0;
COMMENT ON INDEX plain_name IS 'by name';
CREATE FUNCTION types(st text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
  WHERE attrelid = st::regclass AND attnum > 0 AND NOT attisdropped $$;
CREATE FUNCTION wrong() RETURNS TABLE (name text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE k kept;
BEGIN
  FOR k IN SELECT * FROM kept LOOP
    RETURN QUERY EXECUTE format('SELECT %L, count(*) FROM ((TABLE %I EXCEPT ALL (%s)) UNION ALL ((%3$s) EXCEPT ALL TABLE %2$I)) d HAVING count(*) > 0', k.name, k.name, k.query);
  END LOOP;
END $$;
CREATE PROCEDURE change_all() LANGUAGE plpgsql AS $$
BEGIN
  UPDATE item SET name = 'other ' || id, n = n + 1, price = price + 1, at = at + 1 WHERE id % 2 = 0;
  DELETE FROM item WHERE id % 7 = 3;
  INSERT INTO item SELECT max(id) + 1, 'new', 2, 7, date '2024-02-02' FROM item;
END $$;
CREATE FUNCTION refresh_all() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(name, ' ') FROM (SELECT name, pgtrickle.refresh_stream_table('retyped_sources.' || name) FROM kept) r $$;

-- a_varchar_is_widened
ALTER TABLE item ALTER name TYPE varchar(40);
SELECT name, types(name) FROM kept ORDER BY name COLLATE "C";
SELECT * FROM wrong();
UPDATE item SET name = 'a name of more than ten characters' WHERE id = 2;
CALL change_all();
SELECT refresh_all();
SELECT * FROM wrong();
SELECT obj_description('plain_name'::regclass);

-- an_integer_becomes_a_bigint: sums of it are numeric then
ALTER TABLE item ALTER n TYPE bigint, ALTER price TYPE numeric(12,4);
SELECT name, types(name) FROM kept WHERE name IN ('plain', 'grouped', 'prices', 'chained', 'joined', 'declared') ORDER BY name COLLATE "C";
SELECT * FROM wrong();
CALL change_all();
SELECT refresh_all();
SELECT * FROM wrong();
SELECT split_part(indexdef, ' USING ', 2) AS definition FROM pg_indexes WHERE indexname = 'plain_cast';
DROP INDEX plain_cast;

-- a_stream_table_reads_it_exactly_in_the_same_transaction
BEGIN;
ALTER TABLE item ALTER at TYPE timestamp;
UPDATE item SET at = at + interval '1 hour' WHERE id < 5;
SET LOCAL pg_trickle.read_mode = exact;
SELECT * FROM wrong();
SELECT types('days');
ROLLBACK;
SELECT types('days');
SELECT * FROM wrong();

-- statements_that_cannot_be_followed
CREATE VIEW above AS SELECT name FROM plain;
ALTER TABLE item ALTER name TYPE text;
DROP VIEW above;
ALTER TABLE item ALTER n TYPE text USING n::text;
CREATE VIEW between AS SELECT at FROM item;
ALTER TABLE item ALTER at TYPE timestamp;
DROP VIEW between;
ALTER TABLE item ALTER n TYPE numeric, DROP COLUMN name CASCADE;
SELECT * FROM wrong();

-- a_column_of_a_stream_table_that_others_read
ALTER FOREIGN TABLE grouped ALTER last TYPE varchar(50);
SELECT types('grouped'), types('chained'), types('joined');
SELECT * FROM wrong();
CALL change_all();
SELECT refresh_all();
SELECT * FROM wrong();

-- partitions
CREATE TABLE part (k int, v int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
INSERT INTO part VALUES (1, 1), (1, 2);
SELECT pgtrickle.create_stream_table('of_part', 'SELECT k, sum(v) AS s FROM part GROUP BY k', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('of_part_1', 'SELECT v FROM part_1', '520w') \g /dev/null
INSERT INTO kept VALUES ('of_part', 'SELECT k, sum(v) AS s FROM part GROUP BY k'), ('of_part_1', 'SELECT v FROM part_1');
ALTER TABLE part ALTER v TYPE bigint;
INSERT INTO part VALUES (1, 10000000000);
SELECT refresh_all();
SELECT types('of_part'), types('of_part_1');
SELECT * FROM wrong();

-- a_stream_table_of_another_role
CREATE ROLE retyped_other;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO retyped_other;
GRANT ALL ON SCHEMA retyped_sources TO retyped_other;
CREATE ROLE retyped_owner;
GRANT ALL ON SCHEMA retyped_sources TO retyped_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO retyped_owner;
CREATE TABLE owned (id int PRIMARY KEY, v int);
ALTER TABLE owned OWNER TO retyped_owner;
GRANT SELECT, TRIGGER ON owned TO retyped_other;
SET ROLE retyped_other;
SELECT pgtrickle.create_stream_table('of_owned', 'SELECT id, v FROM owned', '520w') \g /dev/null
SET ROLE retyped_owner;
ALTER TABLE owned ALTER v TYPE bigint;
RESET ROLE;
ALTER TABLE owned ALTER v TYPE bigint;
SELECT types('of_owned');
-- an_enumeration_that_is_replaced_by_another: the_query_is_made_right_for_both_before
CREATE TYPE old_mood AS ENUM ('low', 'high'); CREATE TYPE new_mood AS ENUM ('low', 'middle', 'high');
CREATE TABLE feelings (id int PRIMARY KEY, mood old_mood); INSERT INTO feelings VALUES (1, 'low'), (2, 'high');
SELECT pgtrickle.create_stream_table('low_feelings', 'SELECT id FROM feelings WHERE mood = ''low''', '520w') \g /dev/null
ALTER TABLE feelings ALTER mood TYPE new_mood USING mood::text::new_mood;
ALTER FOREIGN TABLE low_feelings OPTIONS (SET query 'SELECT id FROM feelings WHERE mood::text = ''low''');
ALTER TABLE feelings ALTER mood TYPE new_mood USING mood::text::new_mood;
ALTER FOREIGN TABLE low_feelings OPTIONS (SET query 'SELECT id FROM feelings WHERE mood = ''low''');
TABLE low_feelings;
-- a_type_with_operators_of_its_own: PostgreSQL would cast its values to text, and compare these by its own operators
CREATE EXTENSION citext SCHEMA retyped_sources;
CREATE TABLE word (id int PRIMARY KEY, w text); INSERT INTO word VALUES (1, 'a'), (2, 'A');
SELECT pgtrickle.create_stream_table('word_counts', 'SELECT w, count(*) AS n FROM word GROUP BY w', '520w') \g /dev/null
CREATE FOREIGN TABLE declared_words (id int, w varchar(20)) SERVER pgtrickle OPTIONS (query 'SELECT id, w FROM word', schedule '520w');
SELECT pgtrickle.create_stream_table('equal_words', 'SELECT x.id, y.id AS other FROM word x JOIN word y ON x.w = y.w AND x.id < y.id', '520w') \g /dev/null
ALTER TABLE word ALTER w TYPE citext;
DROP FOREIGN TABLE equal_words;
ALTER TABLE word ALTER w TYPE citext;
SELECT types('word_counts'), types('declared_words'), n FROM word_counts;
SELECT pgtrickle.create_stream_table('equal_words', 'SELECT x.id, y.id AS other FROM word x JOIN word y ON x.w = y.w AND x.id < y.id', '520w') \g /dev/null
TABLE equal_words;
ALTER TABLE word ALTER w TYPE text;
-- such_a_type_beside_another_one_that_is_cast: the cast of the other one, which the text shows, stands for no further one
CREATE TABLE pair (id int PRIMARY KEY, a citext, b text); INSERT INTO pair VALUES (1, 'A', 'A');
SELECT pgtrickle.create_stream_table('pairs', 'SELECT id, length(a) AS l, b = ''a'' AS is_a FROM pair', '520w') \g /dev/null
ALTER TABLE pair ALTER b TYPE citext;
ALTER TABLE pair ALTER a TYPE text, ALTER b TYPE citext;
ALTER TABLE pair ALTER a TYPE text;
TABLE pairs;
-- casts_that_postgresql_has_added: to numeric, which rounds 2.5 to 3, while round() of the new type returns 2
CREATE TABLE halves (id int PRIMARY KEY, n int); INSERT INTO halves VALUES (1, 1), (2, 2);
SELECT pgtrickle.create_stream_table('rounded', 'SELECT id, round(n + 0.5) AS added, round(n::numeric + 0.5) AS written FROM halves', '520w') \g /dev/null
ALTER TABLE halves ALTER n TYPE float8;
TABLE rounded ORDER BY id;
ALTER TABLE halves ALTER n TYPE text;
ALTER FOREIGN TABLE rounded OPTIONS (SET query 'SELECT id, round(n::numeric + 0.5) AS added, round(n + 0.5) AS written FROM halves');
TABLE rounded ORDER BY id;
ALTER TABLE halves ALTER n TYPE int;
ALTER FOREIGN TABLE rounded OPTIONS (SET query 'SELECT id, round(n + 0.5) AS added, round(n::numeric + 0.5) AS written FROM halves');
ALTER TABLE halves ALTER n TYPE float8;
TABLE rounded ORDER BY id;
-- casts_are_written_into_the_query_whose_rows_stay
ALTER TABLE halves ALTER n TYPE int;
SELECT pg_relation_filenode(heap_name::regclass) AS before FROM pgtrickle.pgt_heaps WHERE of_name = 'rounded' AND kind = 'storage' \gset
SELECT pgtrickle.create_or_replace_stream_table('rounded', 'SELECT id, round(n::numeric + 0.5) AS added, round(n + 0.5) AS written FROM halves', '520w') \g /dev/null
SELECT pg_relation_filenode(heap_name::regclass) = :before AS has_old_rows FROM pgtrickle.pgt_heaps WHERE of_name = 'rounded' AND kind = 'storage';
ALTER TABLE halves ALTER n TYPE float8;
TABLE rounded ORDER BY id;
-- without_these_casts_a_function_that_others_have_created_since_would_be_called
CREATE FUNCTION doubled(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
CREATE TABLE singles (id int PRIMARY KEY, n int); INSERT INTO singles VALUES (1, 1);
SELECT pgtrickle.create_stream_table('doubles', 'SELECT id, doubled(n) AS d FROM singles', '520w') \g /dev/null
CREATE FUNCTION doubled(n float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 3 * n';
ALTER TABLE singles ALTER n TYPE float8;
ALTER TABLE singles ALTER n TYPE bigint;
TABLE doubles;
DROP OWNED BY retyped_other, retyped_owner CASCADE;
DROP ROLE retyped_other, retyped_owner;
DROP SCHEMA retyped_sources CASCADE;
RESET search_path; RESET client_min_messages;
