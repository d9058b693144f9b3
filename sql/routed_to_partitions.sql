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
  WHEN MATCHED THEN DELETE;
MERGE INTO by_list l USING generate_series(1, 80) i ON l.v = i WHEN NOT MATCHED AND i % 5 < 4 THEN INSERT VALUES (i, 'X', i);
COPY by_list FROM stdin;
1	x	500
2	\N	501
3	q	502
\.
SELECT * FROM compare();

-- a_merge_that_only_updates_moves_rows
MERGE INTO by_range r USING generate_series(-10, 120, 7) i ON r.v = i WHEN MATCHED THEN UPDATE SET a = r.a + 40;
MERGE INTO by_list l USING generate_series(1, 80, 3) i ON l.v = i WHEN MATCHED THEN UPDATE SET b = 'n';
SELECT * FROM compare();

DO $$ DECLARE part text; BEGIN FOR part IN SELECT p.part FROM parts p LOOP EXECUTE format('DROP FOREIGN TABLE of_%I', part); END LOOP; END $$;

-- level_dropped_by_a_key_that_lies
CREATE FUNCTION lie(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RETURN coalesce(nullif(current_setting('routed.lie', true), '')::int, $1); END $$;
CREATE FUNCTION drop_level() RETURNS void LANGUAGE plpgsql AS 'BEGIN DROP TABLE IF EXISTS lying_cut CASCADE; END';
CREATE FUNCTION cut(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF current_setting('routed.lie', true) <> '' THEN PERFORM drop_level(); END IF;
  RETURN $1;
END $$;
CREATE TABLE lying (a int, b int) PARTITION BY LIST (lie(a));
CREATE TABLE lying_1 PARTITION OF lying FOR VALUES IN (1);
CREATE TABLE lying_2 PARTITION OF lying FOR VALUES IN (2) PARTITION BY LIST (cut(b));
CREATE TABLE lying_cut PARTITION OF lying_2 FOR VALUES IN (5) PARTITION BY LIST (b);
CREATE TABLE lying_leaf PARTITION OF lying_cut DEFAULT;
SELECT pgtrickle.create_stream_table('of_lying', 'SELECT a, b FROM lying_leaf', '520w', 'DIFFERENTIAL');
CREATE FUNCTION begin_to_lie() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM set_config('routed.lie', '2', false); RETURN NULL; END $$;
CREATE TRIGGER a_lie AFTER INSERT ON lying FOR EACH ROW EXECUTE FUNCTION begin_to_lie();
SET client_min_messages = warning;
DO $$ BEGIN
  INSERT INTO lying VALUES (1, 5);
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
RESET client_min_messages;
DROP FOREIGN TABLE of_lying;

-- level_without_sources_is_not_evaluated
CREATE ROLE regress_routed_writer;
CREATE FUNCTION closed(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
REVOKE EXECUTE ON FUNCTION closed(int) FROM PUBLIC;
CREATE TABLE regions (region text, x int) PARTITION BY LIST (region);
CREATE TABLE region_a PARTITION OF regions FOR VALUES IN ('a');
CREATE TABLE region_b PARTITION OF regions FOR VALUES IN ('b') PARTITION BY RANGE (closed(x));
CREATE TABLE region_b_low PARTITION OF region_b FOR VALUES FROM (0) TO (100);
INSERT INTO regions VALUES ('a', 1), ('b', 1), ('b', 2);
SELECT pgtrickle.create_stream_table('of_a', 'SELECT region, x FROM region_a', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('of_b', 'SELECT region, x FROM region_b', '520w', 'DIFFERENTIAL');
GRANT USAGE ON SCHEMA routed TO regress_routed_writer;
GRANT SELECT, DELETE ON regions TO regress_routed_writer;
SET ROLE regress_routed_writer;
DELETE FROM regions WHERE x = 1;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('of_a');
SELECT pgtrickle.refresh_stream_table('of_b');
SELECT 'a' AS of, * FROM of_a UNION ALL SELECT 'b', * FROM of_b;
DROP FOREIGN TABLE of_a, of_b;

SET client_min_messages = warning;
DROP SCHEMA routed CASCADE;
DROP ROLE regress_routed_writer;
