-- The values of a list keep their meaning.
CREATE SCHEMA partitioned_values;
SET search_path = partitioned_values;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s');
CREATE TABLE source (id int PRIMARY KEY, m mood, other text, at timestamptz);
INSERT INTO source VALUES (1, 'sad', 'sad', '2026-01-01 00:00Z'), (2, 'ok', 'ok', '2026-01-01 12:00Z'), (3, NULL, NULL, NULL);
SELECT pgtrickle.create_stream_table('partitioned_values.by_mood', 'SELECT id, m FROM source', '520w', 'DIFFERENTIAL', partition_by => $$LIST (m, 'sad', 'it''s')$$);
SELECT pgtrickle.create_stream_table('partitioned_values.by_other', 'SELECT id, other FROM source', '520w', 'DIFFERENTIAL', partition_by => $$LIST (other, 'sad')$$);
CREATE FUNCTION places(stream_table regclass) RETURNS TABLE (bound text, n bigint) LANGUAGE plpgsql AS $$
DECLARE place regclass;
BEGIN
  FOR place IN SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('pg_trickle_storage.st_' || stream_table::oid) ORDER BY 1 LOOP
    RETURN QUERY EXECUTE format('SELECT (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = %s), count(*) FROM %s', place::oid, place);
  END LOOP;
END $$;

-- a_label_is_renamed
ALTER TYPE mood RENAME VALUE 'sad' TO 'it''s blue';
SELECT pgt_name, st_partition_key FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'partitioned_values' ORDER BY 1;
ALTER FOREIGN TABLE by_mood OPTIONS (SET query 'SELECT id, m FROM source WHERE id > 0');
SELECT * FROM places('by_mood');
SELECT * FROM places('by_other');

-- a_label_of_another_roles_stream_table_too, in_the_transaction_that_renames_it
CREATE ROLE partitioned_values_owner;
GRANT USAGE, CREATE ON SCHEMA partitioned_values TO partitioned_values_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO partitioned_values_owner;
CREATE TYPE season AS ENUM ('dry', 'wet');
SET ROLE partitioned_values_owner;
CREATE TABLE of_owner (id int, s season);
INSERT INTO of_owner VALUES (1, 'dry'), (2, 'wet'), (3, 'wet');
SELECT pgtrickle.create_stream_table('partitioned_values.by_season', 'SELECT s, sum(id) AS total FROM of_owner GROUP BY s', '520w', 'DIFFERENTIAL', partition_by => $$LIST (s, 'dry', 'wet')$$);
RESET ROLE;
BEGIN;
ALTER TYPE season RENAME VALUE 'dry' TO 'hot';
ALTER TABLE of_owner ALTER id TYPE bigint;
ALTER TYPE season RENAME VALUE 'wet' TO 'cold';
ALTER FOREIGN TABLE by_season OPTIONS (SET refresh_mode 'FULL');
COMMIT;
SELECT st_partition_key FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'by_season';
SELECT pgtrickle.refresh_stream_table('by_season');
SELECT * FROM by_season ORDER BY s;
DROP TABLE of_owner CASCADE;
DROP OWNED BY partitioned_values_owner;
DROP ROLE partitioned_values_owner;

-- a_time_without_a_zone_is_in_utc
SET TimeZone = 'Asia/Tokyo';
SELECT pgtrickle.create_stream_table('partitioned_values.by_time', 'SELECT id, at FROM source', '520w', 'DIFFERENTIAL', partition_by => $$LIST (at, '2026-01-01 12:00')$$);
SET TimeZone = 'UTC';
SELECT * FROM places('by_time');
ALTER FOREIGN TABLE by_time OPTIONS (SET query 'SELECT id, at FROM source WHERE id > 0');
SELECT * FROM places('by_time');

-- a_group_is_in_the_partition_of_its_key_whichever_equal_value_it_shows
CREATE TABLE loose (id int PRIMARY KEY, v numeric, w interval);
INSERT INTO loose SELECT g, CASE WHEN g % 2 = 0 THEN 1.00 ELSE 1.0 END + g % 5, g % 3 * interval '24 hours' FROM generate_series(1, 40) g;
INSERT INTO loose VALUES (50, NULL, '1 day');
SELECT pgtrickle.create_stream_table('partitioned_values.by_loose', 'SELECT v, w, count(*) FROM loose GROUP BY v, w', '520w', 'DIFFERENTIAL', partition_by => 'HASH (v, w, 4)');
SELECT pgtrickle.create_stream_table('partitioned_values.by_loose_list', 'SELECT DISTINCT v FROM loose', '520w', 'DIFFERENTIAL', partition_by => 'LIST (v, ''2.000'', ''3'')');
DELETE FROM loose WHERE id % 2 = 0 AND id < 30;
UPDATE loose SET v = v + 1, w = w + interval '1 day' WHERE id > 35;
INSERT INTO loose VALUES (60, 2, '0'), (61, 3.000, '48 hours'), (62, 17, NULL);
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{by_loose,by_loose_list}'::text[]) name;
SELECT * FROM test.differences('by_loose') UNION ALL SELECT * FROM test.differences('by_loose_list');
SELECT sum(n) = (SELECT count(*) FROM by_loose) AS all_are_placed, count(*) FROM places('by_loose');
SELECT * FROM places('by_loose_list');
SELECT v = 2 AS is_found FROM by_loose_list WHERE v = 2;
SELECT pgtrickle.create_stream_table('partitioned_values.by_sum', 'SELECT v, sum(v) FROM loose GROUP BY v', '520w', 'DIFFERENTIAL', partition_by => 'HASH (sum, 4)');
DROP SCHEMA partitioned_values CASCADE;
