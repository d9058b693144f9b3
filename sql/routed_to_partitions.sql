-- Rows written through a root reach the logs of the partitions that contain them, at each level, whatever the keys.
CREATE SCHEMA routed;
SET search_path = routed;
CREATE FUNCTION half(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';

CREATE TABLE by_range (a int, b text COLLATE "C", v int) PARTITION BY RANGE (half(a), b);
CREATE TABLE range_low PARTITION OF by_range FOR VALUES FROM (MINVALUE, MINVALUE) TO (5, 'm');
CREATE TABLE range_high PARTITION OF by_range FOR VALUES FROM (5, 'm') TO (50, MAXVALUE);
CREATE TABLE range_else PARTITION OF by_range DEFAULT;

CREATE TABLE by_list (a int, b text, v int) PARTITION BY LIST (lower(b));
CREATE TABLE list_null PARTITION OF by_list FOR VALUES IN (NULL, 'n');
CREATE TABLE list_split (v int, gone int, b text, a int) PARTITION BY HASH (a);
ALTER TABLE list_split DROP gone;
CREATE TABLE hash_0 PARTITION OF list_split FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hash_1 (a int, v int, b text);
ALTER TABLE list_split ATTACH PARTITION hash_1 FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE hash_3 PARTITION OF list_split FOR VALUES WITH (MODULUS 4, REMAINDER 3);
ALTER TABLE by_list ATTACH PARTITION list_split FOR VALUES IN ('x', 'y');
CREATE TABLE list_else PARTITION OF by_list DEFAULT;

CREATE VIEW parts AS SELECT c.relname::text AS part FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE nspname = 'routed' AND relispartition;
SELECT count(pgtrickle.create_stream_table('of_' || part, format('SELECT a, b, v FROM %I', part), '520w', 'DIFFERENTIAL'))
  FROM parts;

CREATE FUNCTION compare() RETURNS TABLE (part text, fills bigint, rows bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
  FOR part IN SELECT p.part FROM parts p ORDER BY p.part COLLATE "C" LOOP
    PERFORM pgtrickle.refresh_stream_table('of_' || part);
    fills := (SELECT count(*) FROM pgtrickle.get_refresh_history('routed.of_' || part) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA'));
    EXECUTE format('SELECT count(*) FROM %1$I', part) INTO rows;
    EXECUTE format('SELECT count(*) FROM ((SELECT a, b, v FROM %1$I EXCEPT ALL TABLE of_%1$I) UNION ALL
                    (TABLE of_%1$I EXCEPT ALL SELECT a, b, v FROM %1$I)) w', part) INTO wrong;
    RETURN NEXT;
  END LOOP;
END $$;

-- rows_of_each_partition
INSERT INTO by_range SELECT i, chr(97 + i % 26), i FROM generate_series(-10, 120, 3) i;
INSERT INTO by_range VALUES (NULL, 'a', 1), (1, NULL, 2), (10, 'l', 3), (10, 'm', 4), (100, 'z', 5), (102, 'a', 6);
INSERT INTO by_list SELECT i, (ARRAY['X', 'y', 'N', NULL, 'other'])[1 + i % 5], i FROM generate_series(1, 60) i;
SELECT * FROM compare();

-- rows_that_move_and_rows_that_stay
UPDATE by_range SET a = a + 9, b = upper(b) WHERE v % 2 = 0;
UPDATE by_range SET v = v WHERE v % 3 = 0;
UPDATE by_list SET a = a + 1 WHERE v % 2 = 0;
UPDATE by_list SET b = (ARRAY['Y', NULL, 'x'])[1 + v % 3] WHERE v % 4 = 0;
SELECT * FROM compare();

-- through_a_level_between
INSERT INTO list_split (a, b, v) SELECT i, 'x', i FROM generate_series(200, 220) i;
UPDATE list_split SET a = a + 1;
DELETE FROM by_range WHERE v % 5 = 0;
DELETE FROM by_list WHERE v % 5 = 0;
MERGE INTO by_list l USING generate_series(1, 80) i ON l.v = i
  WHEN MATCHED AND i % 2 = 0 THEN UPDATE SET b = 'y', a = l.a + 2
  WHEN MATCHED THEN DELETE
  WHEN NOT MATCHED THEN INSERT VALUES (i, 'X', i);
COPY by_list FROM stdin;
1	x	500
2	\N	501
3	q	502
\.
SELECT * FROM compare();

DO $$ DECLARE part text; BEGIN FOR part IN SELECT p.part FROM parts p LOOP EXECUTE format('DROP FOREIGN TABLE of_%I', part); END LOOP; END $$;
SET client_min_messages = warning;
DROP SCHEMA routed CASCADE;
