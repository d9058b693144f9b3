-- Indexes of users stay when another heap takes the place of a storage.
SET client_min_messages = warning;
CREATE SCHEMA index_survives;
SET search_path = index_survives, public;
CREATE TABLE item (id int PRIMARY KEY, kind text, amount numeric, tags int[]);
INSERT INTO item SELECT g, 'k' || g % 5, g, ARRAY[g % 3, g % 7] FROM generate_series(1, 200) g;
SELECT pgtrickle.create_stream_table('index_survives.items', 'SELECT id, kind, amount, tags FROM item', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('index_survives.kinds', 'SELECT kind, sum(amount) AS total, count(*) AS n FROM item GROUP BY kind', '520w', 'DIFFERENTIAL');
CREATE INDEX by_kind ON items (kind COLLATE "C" text_pattern_ops, amount DESC NULLS LAST) INCLUDE (id) WITH (fillfactor = 70);
CREATE INDEX by_expression ON items (lower(kind), (amount * 2)) WHERE amount > 10 AND kind IS NOT NULL;
CREATE INDEX by_tags ON items USING gin (tags);
CREATE INDEX by_total ON kinds ((total / n));
COMMENT ON INDEX by_tags IS 'what we look for';
ALTER INDEX by_expression ALTER COLUMN 2 SET STATISTICS 321;
ALTER INDEX by_tags DEPENDS ON EXTENSION plpgsql;
CREATE VIEW users_indexes AS
  SELECT c.relname AS index, regexp_replace(pg_get_indexdef(c.oid), ' ON .*st_\d+', ' ON …') AS definition, obj_description(c.oid) AS comment, i.indisvalid, c.relacl IS NULL AS is_granted,
         (SELECT max(attstattarget) FROM pg_attribute WHERE attrelid = c.oid AND attstattarget > 0) AS target,
         (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.objid = c.oid AND d.deptype = 'x') AS extension
  FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relname LIKE 'by\_%' ORDER BY 1;
CREATE FUNCTION storage_of(name text) RETURNS regclass LANGUAGE sql AS $$ SELECT ('pg_trickle_storage.st_' || name::regclass::oid)::regclass $$;
SELECT * FROM users_indexes \gx
SELECT storage_of('items')::oid AS items, storage_of('kinds')::oid AS kinds \gset

-- the query is changed
ALTER FOREIGN TABLE items OPTIONS (SET query 'SELECT id, kind, amount + 1 AS amount, tags FROM item');
ALTER FOREIGN TABLE kinds OPTIONS (SET query 'SELECT kind, max(amount) AS total, count(*) AS n FROM item WHERE id > 3 GROUP BY kind');
SELECT storage_of('items')::oid <> :items AND storage_of('kinds')::oid <> :kinds AS are_new;
SELECT * FROM users_indexes \gx
-- a key is dropped, and the next refresh builds the storage again
SELECT storage_of('items')::oid AS items \gset
ALTER TABLE item DROP CONSTRAINT item_pkey;
INSERT INTO item SELECT * FROM item WHERE id < 5;
SELECT pgtrickle.refresh_stream_table('items');
SELECT storage_of('items')::oid <> :items AS is_new, count(*) AS indexes FROM users_indexes;
-- the storage is partitioned, and is not any more
SELECT pgtrickle.alter_stream_table('items', partition_by => 'HASH (id, 3)');
INSERT INTO item VALUES (1000, 'K1', 7, '{1}');
SELECT pgtrickle.refresh_stream_table('items');
SELECT index, indisvalid, comment FROM users_indexes;
SELECT count(*) AS on_partitions FROM pg_inherits JOIN pg_class c ON c.oid = inhparent WHERE c.relname LIKE 'by\_%';
SELECT pgtrickle.alter_stream_table('items', partition_by => 'none');
SELECT * FROM users_indexes \gx
-- the planner uses them, and they hold the rows
SET enable_seqscan = off; SET pg_trickle.max_staleness = 3600;
SELECT id FROM items WHERE tags @> '{1,6}' ORDER BY id LIMIT 3;
SELECT count(*) FROM items WHERE lower(kind) = 'k1' AND amount * 2 > 40 AND amount > 10;
SELECT * FROM test.differences('items', 'SELECT id, kind, amount + 1 AS amount, tags FROM item');
-- and they can be dropped
DROP INDEX by_tags;
SELECT count(*) FROM users_indexes;
DROP SCHEMA index_survives CASCADE;
