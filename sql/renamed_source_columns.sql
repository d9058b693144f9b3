-- Columns of a source are renamed, and exchange their names: every construct that stores rows of its own goes on by deltas.
SET client_min_messages = warning;
CREATE SCHEMA renamed;
SET search_path = renamed;
CREATE TABLE t (id int PRIMARY KEY, g text, h text, v int);
CREATE TABLE u (id int PRIMARY KEY, g text, w int);
INSERT INTO t SELECT i, 'g' || i % 3, 'h' || i % 4, i % 7 FROM generate_series(1, 24) i;
INSERT INTO u SELECT i, 'g' || i % 4, i FROM generate_series(1, 8) i;
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('aggregated_join', 'SELECT t.g, u.w, count(*) AS n FROM t LEFT JOIN u ON u.g = t.h GROUP BY t.g, u.w HAVING count(*) < 9'),
  ('anti_join', 'SELECT g, sum(v) AS s FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.g = t.g AND u.w > 6) GROUP BY g HAVING sum(v) > 0'),
  ('distinct_on', 'SELECT DISTINCT ON (g) g AS a, h AS b, v FROM t ORDER BY g, v DESC, id'),
  ('except_all', 'SELECT g, h FROM t EXCEPT ALL SELECT g, h FROM t WHERE v > 3'),
  ('extrema', 'SELECT g, min(v) AS low, max(h) AS high FROM t GROUP BY g HAVING max(v) > 2'),
  ('groups_of_groups', 'SELECT n, count(*) AS c FROM (SELECT g, h, count(*) AS n FROM t GROUP BY g, h HAVING count(*) > 1) q GROUP BY n'),
  ('having', 'SELECT g, count(*) AS n FROM t GROUP BY g HAVING count(*) > 1'),
  ('lateral', 'SELECT u.id, q.g, q.v FROM u, LATERAL (SELECT g, v FROM t WHERE t.g = u.g ORDER BY v DESC, id LIMIT 2) q'),
  ('ordered_set', 'SELECT g, percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AS p FROM t GROUP BY g'),
  ('recursive', 'WITH RECURSIVE r(id, g) AS (SELECT id, g FROM t WHERE id = 1 UNION SELECT t.id, t.g FROM r JOIN t ON t.id = r.id * 2) SELECT g, count(*) AS n FROM r GROUP BY g HAVING count(*) > 0'),
  ('rollup', 'SELECT g, h, sum(v) AS s FROM t GROUP BY ROLLUP (g, h)'),
  ('top', 'SELECT g, h, v FROM t ORDER BY v DESC, id LIMIT 5'),
  ('union_distinct', 'SELECT g FROM t UNION SELECT g FROM u'),
  ('window_over_groups', 'SELECT g, n, rank() OVER (ORDER BY n DESC, g) AS r FROM (SELECT g, count(*) AS n FROM t GROUP BY g) q'),
  ('window_in_groups', 'SELECT g, h, sum(sum(v)) OVER (PARTITION BY g ORDER BY h) AS s FROM t GROUP BY g, h');
DO $$ DECLARE one record; BEGIN
  FOR one IN TABLE kept LOOP PERFORM pgtrickle.create_stream_table(one.name, one.query, '520w', 'DIFFERENTIAL'); END LOOP;
END $$;
-- The queries under the names that the columns have now.
CREATE FUNCTION wrong() RETURNS TABLE (stream_table text, missing bigint, surplus bigint) LANGUAGE plpgsql AS $$
BEGIN
  FOR stream_table IN SELECT name FROM kept ORDER BY name LOOP
    PERFORM pgtrickle.refresh_stream_table(stream_table);
    SELECT d.missing, d.surplus INTO missing, surplus FROM test.differences(stream_table::regclass,
      (SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = stream_table::regclass)) d;
    IF missing + surplus > 0 THEN RETURN NEXT; END IF;
  END LOOP;
END $$;
-- a_column_has_another_name
CREATE INDEX ON having (n);
ALTER TABLE t RENAME g TO grp;
INSERT INTO t VALUES (101, 'g1', 'h9', 9), (102, 'g9', 'h1', 8);
DELETE FROM t WHERE id = 5;
SELECT * FROM wrong();
-- columns_exchange_their_names
ALTER TABLE t RENAME grp TO x;
ALTER TABLE t RENAME h TO grp;
ALTER TABLE t RENAME x TO h;
UPDATE t SET v = v + 1 WHERE id % 5 = 0;
UPDATE t SET grp = 'h2', h = 'g2' WHERE id = 3;
SELECT * FROM wrong();
-- another_source_too
ALTER TABLE u RENAME g TO country;
INSERT INTO u VALUES (9, 'g1', 9);
DELETE FROM u WHERE id = 2;
SELECT * FROM wrong();
-- all_that_by_deltas_and_the_index_is_there
SELECT DISTINCT pgt_name, h.action FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id)
  WHERE pgt_schema = 'renamed' AND h.action NOT IN ('DIFFERENTIAL', 'NO_DATA') AND h.initiated_by <> 'INITIAL';
SELECT count(*) FROM pg_index WHERE indrelid = (SELECT oid FROM pg_class WHERE relname = 'st_' || 'having'::regclass::oid);
DROP SCHEMA renamed CASCADE;
RESET client_min_messages;
