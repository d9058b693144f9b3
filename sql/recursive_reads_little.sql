-- A change of a tree of 100,000 nodes is applied by look-ups of the nodes that it affects.
SET client_min_messages = warning;
CREATE SCHEMA recursive_reads_little;
SET search_path = recursive_reads_little;
CREATE TABLE tree (id int PRIMARY KEY, parent int, quantity int);
INSERT INTO tree SELECT g, nullif(g / 3, 0), g % 3 + 1 FROM generate_series(1, 100000) g;
CREATE INDEX ON tree (parent);
ANALYZE tree;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM (VALUES
  ('as_a_set', 'WITH RECURSIVE t AS (SELECT id, parent FROM tree WHERE parent IS NULL UNION SELECT c.id, c.parent FROM tree c JOIN t ON c.parent = t.id) SELECT * FROM t'),
  ('with_depth', 'WITH RECURSIVE t AS (SELECT id, 1 AS depth FROM tree WHERE parent IS NULL UNION ALL SELECT c.id, t.depth + 1 FROM tree c JOIN t ON c.parent = t.id) SELECT * FROM t'),
  ('with_path', 'WITH RECURSIVE t AS (SELECT id, id::text AS path FROM tree WHERE parent IS NULL UNION ALL SELECT c.id, t.path || ''/'' || c.id FROM tree c JOIN t ON c.parent = t.id) SELECT * FROM t'),
  ('level_sizes', 'WITH RECURSIVE t AS (SELECT id, 1 AS depth FROM tree WHERE parent IS NULL UNION ALL SELECT c.id, t.depth + 1 FROM tree c JOIN t ON c.parent = t.id) SELECT depth, count(*) FROM t GROUP BY depth'),
  ('ancestors', 'WITH RECURSIVE t AS (SELECT id, parent FROM tree WHERE id > 99000 UNION SELECT t.id, p.parent FROM tree p JOIN t ON p.id = t.parent) SELECT * FROM t WHERE parent IS NOT NULL')
) AS t(name, query) \g /dev/null

-- Returns the rows of tables and arrangements read in sequential scans, in sum, and an upper bound of the rows fetched by index.
CREATE FUNCTION reads(st text, change text) RETURNS TABLE (whole bigint, at_most_by_index text) LANGUAGE plpgsql AS $$
DECLARE whole_before bigint; index_before bigint; by_index bigint;
BEGIN
  EXECUTE change;
  SELECT sum(seq_tup_read), sum(idx_tup_fetch) INTO whole_before, index_before FROM pg_stat_xact_all_tables WHERE schemaname IN ('recursive_reads_little', 'pg_trickle_storage');
  PERFORM pgtrickle.refresh_stream_table(st);
  SELECT sum(seq_tup_read) - whole_before, sum(idx_tup_fetch) - index_before INTO whole, by_index FROM pg_stat_xact_all_tables WHERE schemaname IN ('recursive_reads_little', 'pg_trickle_storage');
  at_most_by_index := CASE WHEN by_index <= 300 THEN '300' WHEN by_index <= 1000 THEN '1000' ELSE by_index::text END;
  RETURN NEXT;
END $$;

-- a_leaf_comes_goes_and_moves
SELECT st, change, r.* FROM unnest(ARRAY['as_a_set', 'with_depth', 'with_path', 'level_sizes', 'ancestors']) st,
  unnest(ARRAY['INSERT INTO tree SELECT max(id) + 1, 50000, 1 FROM tree', 'DELETE FROM tree WHERE id = (SELECT max(id) FROM tree)',
    'UPDATE tree SET parent = parent + 1 WHERE id = (SELECT max(id) FROM tree)', 'UPDATE tree SET quantity = 7 WHERE id = 5']) change,
  LATERAL reads(st, change) r;
-- a_branch_of_some_dozen_nodes_moves
SELECT st, r.* FROM unnest(ARRAY['as_a_set', 'with_depth', 'with_path', 'level_sizes', 'ancestors']) st,
  LATERAL reads(st, 'UPDATE tree SET parent = 7000 + parent % 5 WHERE id = 4000') r;
SELECT count(*) FROM with_depth WHERE depth < 8;
WITH RECURSIVE t AS (SELECT id, 1 AS depth FROM tree WHERE parent IS NULL UNION ALL SELECT c.id, t.depth + 1 FROM tree c JOIN t ON c.parent = t.id) SELECT count(*) FROM t WHERE depth < 8;
DROP SCHEMA recursive_reads_little CASCADE;
