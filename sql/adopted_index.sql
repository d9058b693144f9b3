-- A unique index on the key by which rows are found takes the place of the storage's own index.
SET client_min_messages = warning;
CREATE SCHEMA adopted_index; CREATE SCHEMA adopted_index_other;
SET search_path = adopted_index, public;
CREATE TABLE item (id int PRIMARY KEY, code int, kind int);
INSERT INTO item SELECT g, g, g % 3 FROM generate_series(1, 2000) g;
SELECT pgtrickle.create_stream_table('items', 'SELECT id, code, kind FROM item', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('kinds', 'SELECT kind, count(*) AS n FROM item GROUP BY kind', '520w', 'DIFFERENTIAL');
CREATE FUNCTION indexes(name regclass) RETURNS TABLE (schema text, index text, is_unique bool, is_internal bool) LANGUAGE sql AS $$
  SELECT relnamespace::regnamespace::text, replace(relname, 'st_' || name::oid, 'st'), indisunique,
    EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = indexrelid AND deptype = 'i')
  FROM pg_index JOIN pg_class i ON i.oid = indexrelid
  WHERE indrelid = ('pg_trickle_storage.st_' || name::oid)::regclass ORDER BY 1, 2 $$;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql SET pg_trickle.enable_expansion = on SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE line text; BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    RETURN NEXT regexp_replace(line, 'st_\d+', 'st_…');
  END LOOP;
END $$;
SELECT * FROM indexes('items') UNION ALL SELECT * FROM indexes('kinds');

-- it_is_the_users, unique
CREATE UNIQUE INDEX items_id ON items (id);
CREATE UNIQUE INDEX ON kinds (kind);
SELECT * FROM indexes('items') UNION ALL SELECT * FROM indexes('kinds');
SELECT pgtrickle.stream_table_key('items'), pgtrickle.stream_table_key('kinds');
SELECT * FROM plan('SELECT * FROM items WHERE id = 7') WHERE plan ~ 'Index';
-- rows_are_found_by_it, also_when_two_exchange_their_keys
UPDATE item SET id = -id WHERE id < 4; UPDATE item SET id = 4 + id WHERE id < 0; UPDATE item SET kind = 5 WHERE id % 2 = 0; DELETE FROM item WHERE id = 9;
INSERT INTO item VALUES (9, 0, 9);
SELECT pgtrickle.refresh_stream_table('items'), pgtrickle.refresh_stream_table('kinds');
SELECT * FROM test.differences('items', 'SELECT id, code, kind FROM item');
SELECT * FROM test.differences('kinds', 'SELECT kind, count(*) FROM item GROUP BY kind');
-- a_second_one_is_an_index_of_its_own
CREATE UNIQUE INDEX items_id_2 ON items (id);
SELECT * FROM indexes('items');
DROP INDEX items_id_2;
-- dropped, the_storage_has_an_own_one_again
BEGIN;
DROP INDEX items_id, kinds_kind_idx;
SELECT * FROM indexes('items') UNION ALL SELECT * FROM indexes('kinds');
ROLLBACK;
SELECT * FROM indexes('items') UNION ALL SELECT * FROM indexes('kinds');
-- concurrently, where_PostgreSQL_permits_it
DROP INDEX CONCURRENTLY items_id, kinds_kind_idx;
DROP INDEX CONCURRENTLY items_id CASCADE;
BEGIN;
DROP INDEX CONCURRENTLY items_id;
ROLLBACK;
SELECT * FROM indexes('items');
DROP INDEX CONCURRENTLY items_id;
DROP INDEX kinds_kind_idx;
SELECT * FROM indexes('items') UNION ALL SELECT * FROM indexes('kinds');
UPDATE item SET code = code + 1 WHERE id % 3 = 0;
SELECT pgtrickle.refresh_stream_table('items'), pgtrickle.refresh_stream_table('kinds');
SELECT * FROM test.differences('items', 'SELECT id, code, kind FROM item');
SELECT * FROM test.differences('kinds', 'SELECT kind, count(*) FROM item GROUP BY kind');
-- others_are_built_beside_it
CREATE UNIQUE INDEX a ON items (id DESC);
CREATE UNIQUE INDEX b ON items (id) INCLUDE (code);
CREATE UNIQUE INDEX c ON items (id) WHERE code > 0;
CREATE UNIQUE INDEX d ON items (id) WITH (fillfactor = 70);
CREATE UNIQUE INDEX e ON items (id, code);
CREATE INDEX f ON items (id);
CREATE UNIQUE INDEX g ON items (id) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX h ON items ((id + 0));
CREATE UNIQUE INDEX i ON kinds (kind NULLS FIRST);
SELECT * FROM indexes('items') UNION ALL SELECT * FROM indexes('kinds');
DROP INDEX a, b, c, d, e, f, g, h, i;
-- by_another_role
CREATE ROLE adopted_index_other;
CREATE UNIQUE INDEX items_id ON items (id);
SET ROLE adopted_index_other;
DROP INDEX adopted_index.items_id;
RESET ROLE;
GRANT USAGE ON SCHEMA adopted_index TO adopted_index_other;
SET ROLE adopted_index_other;
DROP INDEX items_id;
RESET ROLE;
REVOKE USAGE ON SCHEMA adopted_index FROM adopted_index_other;
DROP ROLE adopted_index_other;
SELECT * FROM indexes('items');
-- it_survives_what_other_indexes_survive
COMMENT ON INDEX items_id IS 'the key';
ALTER FOREIGN TABLE items OPTIONS (SET query 'SELECT id, code, kind, code * 2 AS twice FROM adopted_index.item');
SELECT * FROM indexes('items');
SELECT obj_description('items_id'::regclass);
REINDEX INDEX CONCURRENTLY items_id;
REINDEX TABLE items;
SELECT pgtrickle.repair_stream_table('items');
ALTER FOREIGN TABLE items SET SCHEMA adopted_index_other;
ALTER INDEX adopted_index_other.items_id RENAME TO items_key;
SELECT * FROM indexes('adopted_index_other.items');
SELECT definition ~ 'CREATE UNIQUE INDEX items_key ON' AS is_dumped FROM pgtrickle.pgt_dumped_indexes('adopted_index_other.items'::regclass);
ALTER FOREIGN TABLE adopted_index_other.items SET SCHEMA adopted_index;
DELETE FROM item WHERE id = 17; UPDATE item SET id = 17 WHERE id = 18;
SELECT pgtrickle.refresh_stream_table('items');
SELECT * FROM test.differences('items', 'SELECT id, code, kind, code * 2 FROM item');
-- and_a_storage_that_is_partitioned_and_not_any_more, which_adopts_it_again
SELECT pgtrickle.alter_stream_table('items', partition_by => 'HASH (id, 2)');
SELECT index, is_unique, is_internal FROM indexes('items');
SELECT pgtrickle.alter_stream_table('items', partition_by => 'none');
SELECT * FROM indexes('items');
-- a_source_without_the_key: it_remains_an_index_of_the_user
ALTER TABLE item DROP CONSTRAINT item_pkey;
SELECT pgtrickle.refresh_stream_table('items');
SELECT * FROM indexes('items');
DROP INDEX items_key;
INSERT INTO item VALUES (5, 5, 5);
SELECT pgtrickle.refresh_stream_table('items');
SELECT * FROM test.differences('items', 'SELECT id, code, kind, code * 2 FROM item');
-- keys_that_rows_share: a_deferred_constraint_and_own_changes
CREATE TABLE late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v int);
INSERT INTO late VALUES (1, 1), (2, 2);
SELECT pgtrickle.create_stream_table('lates', 'SELECT id, v FROM late', '520w', 'DIFFERENTIAL');
SELECT * FROM indexes('lates');
BEGIN;
INSERT INTO late VALUES (2, 5);
SELECT pgtrickle.refresh_stream_table('lates');
CREATE UNIQUE INDEX lates_id ON lates (id);
ROLLBACK;
CREATE UNIQUE INDEX lates_id ON lates (id);
SELECT * FROM indexes('lates');
-- one_that_an_extension_drops_is_beside_the_own_one
COMMENT ON INDEX lates_id IS 'commented';
BEGIN;
CREATE EXTENSION citext SCHEMA public;
ALTER INDEX lates_id DEPENDS ON EXTENSION citext;
SELECT * FROM indexes('lates');
SELECT obj_description('lates_id'::regclass), indisvalid FROM pg_index WHERE indexrelid = 'lates_id'::regclass;
ALTER FOREIGN TABLE lates OPTIONS (SET refresh_mode 'FULL');
ALTER FOREIGN TABLE lates OPTIONS (SET refresh_mode 'DIFFERENTIAL');
SELECT * FROM indexes('lates');
DROP EXTENSION citext;
SELECT * FROM indexes('lates');
SET LOCAL pg_trickle.max_staleness = 0;
UPDATE late SET v = v + 1;
SELECT * FROM lates ORDER BY id;
COMMIT;
INSERT INTO late VALUES (7, 7);
SELECT pgtrickle.refresh_stream_table('lates');
SELECT * FROM test.differences('lates', 'SELECT id, v FROM late');
SELECT * FROM indexes('lates');
-- a_key_that_the_source_gets_after_the_first_fill, used_by_a_repair
CREATE TABLE first (id int, v int);
INSERT INTO first SELECT g, g FROM generate_series(1, 9) g;
SELECT pgtrickle.create_stream_table('filled', 'SELECT id, v FROM first', '520w', 'DIFFERENTIAL');
CREATE UNIQUE INDEX filled_id ON filled (id);
ALTER TABLE first ADD PRIMARY KEY (id);
SELECT pgtrickle.refresh_stream_table('filled');
SELECT pgtrickle.stream_table_key('filled');
SELECT * FROM indexes('filled');
SELECT pgtrickle.repair_stream_table('filled');
SELECT pgtrickle.stream_table_key('filled');
SELECT * FROM indexes('filled');
SELECT pgtrickle.repair_stream_table('filled');
INSERT INTO first VALUES (10, 10);
DELETE FROM first WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('filled');
SELECT * FROM test.differences('filled', 'SELECT id, v FROM first');
DROP SCHEMA adopted_index, adopted_index_other CASCADE;
RESET client_min_messages;
