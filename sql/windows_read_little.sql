-- A refresh of a window reads the partitions that changed, given an index on the partition's key.
SET client_min_messages = notice;
CREATE SCHEMA windows_read_little;
SET search_path = windows_read_little, public;
CREATE EXTENSION citext;
CREATE TABLE sale (id int PRIMARY KEY, shop int, name text, amount numeric, tag citext);
INSERT INTO sale SELECT g, nullif(g % 1000, 7), 'n' || g % 1000, g * 37 % 101, 'T' || g % 1000 FROM generate_series(1, 20000) g;
CREATE INDEX ON sale (name);
CREATE INDEX ON sale (tag);
CREATE INDEX ON sale (id, shop);
ANALYZE sale;
-- an_index_that_is_missing
SELECT pgtrickle.create_stream_table('windows_read_little.numbered', 'SELECT id, row_number() OVER (PARTITION BY shop ORDER BY amount DESC, id) AS n FROM sale', '520w', 'DIFFERENTIAL');
SET client_min_messages = warning;
CREATE INDEX ON sale (shop);
SELECT pgtrickle.create_stream_table('windows_read_little.' || name, query, '520w', 'DIFFERENTIAL') FROM (VALUES
  ('by_text', 'SELECT id, sum(amount) OVER (PARTITION BY name) AS s FROM sale'),
  ('by_citext', 'SELECT id, sum(amount) OVER (PARTITION BY tag) AS s FROM sale'),
  ('by_two', 'SELECT id, sum(amount) OVER (PARTITION BY shop, name ORDER BY id) AS s FROM sale'),
  ('first_of_each', 'SELECT DISTINCT ON (shop) shop, id, amount FROM sale ORDER BY shop, amount DESC, id'),
  ('top_of_each', 'SELECT id FROM (SELECT id, shop, rank() OVER (PARTITION BY shop ORDER BY amount) AS n FROM sale) x WHERE n < 3'),
  ('over_groups', 'SELECT shop, name, rank() OVER (PARTITION BY shop ORDER BY sum(amount)) AS r FROM sale GROUP BY shop, name'),
  ('joined', 'SELECT a.id, b.n FROM sale a JOIN (SELECT id, row_number() OVER (PARTITION BY shop ORDER BY id) AS n FROM sale) b ON b.id = a.id WHERE b.n < 4')
) AS t(name, query) \g /dev/null
CREATE FUNCTION whole_reads(st text, change text) RETURNS TABLE (relation name, scanned bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE change;
  CREATE TEMP TABLE before ON COMMIT DROP AS SELECT relid, seq_tup_read AS n FROM pg_stat_xact_all_tables WHERE schemaname IN ('windows_read_little', 'pg_trickle_storage');
  PERFORM pgtrickle.refresh_stream_table('windows_read_little.' || st);
  RETURN QUERY SELECT regexp_replace(s.relname, '\d+', 'N')::name, s.seq_tup_read - b.n FROM pg_stat_xact_all_tables s JOIN before b USING (relid)
    WHERE s.seq_tup_read > b.n ORDER BY 1;
  DROP TABLE before;
END $$;
-- neither_the_source_nor_the_arrangement_is_read_whole
SELECT st, change, r.* FROM unnest(ARRAY['numbered', 'by_text', 'by_citext', 'by_two', 'first_of_each', 'top_of_each', 'over_groups', 'joined']) st,
  unnest(ARRAY['UPDATE sale SET amount = amount + 1 WHERE id = 5003', 'DELETE FROM sale WHERE id = (SELECT min(id) FROM sale WHERE shop = 9)',
    'UPDATE sale SET shop = 12, name = ''n12'' WHERE id = 4005', 'INSERT INTO sale SELECT max(id) + 1, 77, ''n77'', 3, ''t78'' FROM sale']) change,
  LATERAL whole_reads(st, change) r;
-- nor_for_the_partition_of_null
SELECT st, r.* FROM unnest(ARRAY['numbered', 'by_two', 'first_of_each', 'top_of_each']) st, LATERAL whole_reads(st, 'UPDATE sale SET amount = amount + 1 WHERE shop IS NULL AND id < 2000') r;
-- the_statistics_do_show_a_whole_read
DROP INDEX sale_shop_idx;
SELECT st, r.relation, r.scanned > 0 AS scanned FROM unnest(ARRAY['numbered']) st, LATERAL whole_reads(st, 'UPDATE sale SET amount = 0 WHERE id = 17') r;
DROP SCHEMA windows_read_little CASCADE;
