-- Lists and row numbers over a sorted sub-query have its order, whatever rows changed last.
CREATE SCHEMA sorted_subqueries;
SET search_path = sorted_subqueries;
CREATE TABLE t (id int PRIMARY KEY, g int, w text, u text COLLATE "C");
INSERT INTO t SELECT i, i % 3, 'w' || (i * 7) % 20, chr(97 + (i * 11) % 26) FROM generate_series(1, 20) i ORDER BY (i * 13) % 21;
CREATE AGGREGATE joined (text) (sfunc = textcat, stype = text, initcond = '');
CREATE VIEW sorted AS SELECT id, g FROM t ORDER BY w DESC, id;
CREATE VIEW list_of_sorted AS SELECT g, jsonb_agg(x.id) AS l FROM (SELECT id, g FROM t ORDER BY w, id) x GROUP BY g;
CREATE VIEW first_of_sorted AS SELECT id FROM (SELECT id FROM t ORDER BY w, id) x LIMIT 4;
CREATE TABLE definition (name text, query text, ordered text);
INSERT INTO definition VALUES
  ('list', 'SELECT string_agg(w, '','') AS l FROM (SELECT w FROM t ORDER BY w DESC) x', 'SELECT string_agg(w, '','' ORDER BY w DESC) FROM t'),
  ('list_of_groups', 'SELECT g, array_agg(id), count(*), max(w) FROM (SELECT * FROM t ORDER BY u, id) x WHERE id <> 5 GROUP BY g', 'SELECT g, array_agg(id ORDER BY u, id), count(*), max(w) FROM t WHERE id <> 5 GROUP BY g'),
  ('hidden_key', 'SELECT array_agg(w) || array_agg(g) FILTER (WHERE g > 0)::text[] AS l FROM (SELECT w, g FROM t ORDER BY g NULLS FIRST, -id) x', 'SELECT array_agg(w ORDER BY g NULLS FIRST, -id) || array_agg(g ORDER BY g NULLS FIRST, -id) FILTER (WHERE g > 0)::text[] FROM t'),
  ('first_rows', 'SELECT jsonb_agg(x) AS l FROM (SELECT id, w FROM t ORDER BY w, id LIMIT 5) x', 'SELECT jsonb_agg(x ORDER BY w, id) FROM (SELECT id, w FROM t ORDER BY w, id LIMIT 5) x'),
  ('of_union', 'SELECT string_agg(v, '''') AS l FROM (SELECT w AS v FROM t UNION ALL SELECT w || ''!'' FROM t ORDER BY v DESC) x', 'SELECT string_agg(v, '''' ORDER BY v DESC) FROM (SELECT w AS v FROM t UNION ALL SELECT w || ''!'' FROM t) x'),
  ('of_distinct', 'SELECT json_agg(u)::text AS l FROM (SELECT DISTINCT u FROM t ORDER BY u DESC) x', 'SELECT json_agg(DISTINCT u ORDER BY u DESC)::text FROM t'),
  ('of_a_user', 'SELECT joined(w) AS l FROM (SELECT * FROM t ORDER BY id DESC) x HAVING string_agg(u, '''') > ''''', 'SELECT joined(w ORDER BY id DESC) FROM t HAVING count(*) > 0'),
  ('numbers', 'SELECT id, row_number() OVER () AS n, lag(w) OVER (PARTITION BY u) AS l, count(*) OVER (PARTITION BY g) AS c FROM (SELECT * FROM t ORDER BY w DESC, id) x', 'SELECT id, row_number() OVER (ORDER BY w DESC, id), lag(w) OVER (PARTITION BY u ORDER BY w DESC, id), count(*) OVER (PARTITION BY g) FROM t'),
  ('parts', 'SELECT DISTINCT ntile(3) OVER (PARTITION BY g) AS n, lead(id, 1, 0) OVER () AS l FROM (SELECT id, g FROM t ORDER BY w, id) x', 'SELECT DISTINCT ntile(3) OVER (PARTITION BY g ORDER BY w, id), lead(id, 1, 0) OVER (ORDER BY w, id) FROM t'),
  ('named_window', 'SELECT id, row_number() OVER w AS n, lag(id) OVER w AS l FROM (SELECT * FROM t ORDER BY u DESC, id) x WINDOW w AS ()', 'SELECT id, row_number() OVER (ORDER BY u DESC, id), lag(id) OVER (ORDER BY u DESC, id) FROM t'),
  ('numbers_beside_totals', 'SELECT id, row_number() OVER () AS n, count(*) OVER () AS c, sum(g) OVER () AS s FROM (SELECT * FROM t ORDER BY w DESC, id) x', 'SELECT id, row_number() OVER (ORDER BY w DESC, id), count(*) OVER (), sum(g) OVER () FROM t'),
  ('ends', 'SELECT id, first_value(w) OVER (PARTITION BY u) AS f, last_value(w) OVER () AS l, nth_value(id, 2) OVER () AS s FROM (SELECT * FROM t ORDER BY w DESC, id) x', 'SELECT id, first_value(w) OVER (PARTITION BY u ORDER BY w DESC, id), (SELECT min(w) FROM t), (SELECT id FROM t ORDER BY w DESC, id OFFSET 1 LIMIT 1) FROM t'),
  ('running', 'SELECT id, sum(id) OVER (ROWS UNBOUNDED PRECEDING) AS s, count(g) OVER (ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS c FROM (SELECT * FROM t ORDER BY w DESC, id) x', 'SELECT id, sum(id) OVER (ORDER BY w DESC, id ROWS UNBOUNDED PRECEDING), count(g) OVER (ORDER BY w DESC, id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM t'),
  ('first_beside_numbers', 'SELECT DISTINCT ON (g) g, id, row_number() OVER () AS n, sum(id) OVER (PARTITION BY g) AS s FROM (SELECT * FROM t ORDER BY g, w DESC, id) x', 'SELECT DISTINCT ON (g) g, id, row_number() OVER (ORDER BY g, w DESC, id), sum(id) OVER (PARTITION BY g) FROM t ORDER BY g, w DESC, id'),
  ('limit_beside_numbers', 'SELECT id, row_number() OVER () AS n, count(*) OVER () AS c FROM (SELECT * FROM t ORDER BY w DESC, id) x LIMIT 4', 'SELECT id, row_number() OVER (ORDER BY w DESC, id), count(*) OVER () FROM t ORDER BY w DESC, id LIMIT 4'),
  ('numbers_beside_ranks', 'SELECT id, rank() OVER () AS r, row_number() OVER () AS n, sum(id) OVER w AS s, lag(id) OVER w AS l, cume_dist() OVER w AS d FROM (SELECT * FROM t ORDER BY w DESC, id) x WINDOW w AS (PARTITION BY g)', 'SELECT id, 1, row_number() OVER (ORDER BY w DESC, id), sum(id) OVER w, lag(id) OVER (w ORDER BY w DESC, id), 1 FROM t WINDOW w AS (PARTITION BY g)'),
  ('window_of_a_window', 'SELECT id, row_number() OVER w AS n, sum(id) OVER (w ROWS 1 PRECEDING) AS s, lag(id) OVER v AS l FROM (SELECT * FROM t ORDER BY g, w DESC, id) x WINDOW w AS (PARTITION BY g), v AS (w)', 'SELECT id, row_number() OVER w, sum(id) OVER (w ROWS 1 PRECEDING), lag(id) OVER w FROM t WINDOW w AS (PARTITION BY g ORDER BY w DESC, id)'),
  ('list_in_a_subquery', 'SELECT g, (SELECT string_agg(x.w, '','') || (SELECT y.w FROM t y WHERE y.id = max(x.id))) AS l FROM (SELECT * FROM t ORDER BY u, id) x GROUP BY g HAVING EXISTS (SELECT array_agg(x.id))', 'SELECT g, string_agg(x.w, '','' ORDER BY u, id) || (SELECT y.w FROM t y WHERE y.id = max(x.id)) FROM t x GROUP BY g'),
  ('list_of_a_subquery', 'SELECT string_agg(w, '','') AS l FROM (SELECT w FROM (SELECT w, id FROM (SELECT * FROM t ORDER BY u, id) x WHERE id > 1) y WHERE w <> ''w3'') z', 'SELECT string_agg(w, '','' ORDER BY u, id) FROM t WHERE id > 1 AND w <> ''w3'''),
  ('list_of_first_rows', 'WITH s AS (SELECT * FROM (SELECT * FROM t ORDER BY g, u, id) x) SELECT string_agg(g || w || n, '','') AS l FROM (SELECT DISTINCT ON (g) g, w, row_number() OVER () AS n FROM s) f', 'SELECT string_agg(g || w || n, '','' ORDER BY g) FROM (SELECT DISTINCT ON (g) g, w, row_number() OVER (ORDER BY g, u, id) AS n FROM t ORDER BY g, u, id) f'),
  ('lists_in_windows', 'SELECT id, array_agg(id) OVER () AS l, string_agg(w, '','') OVER (RANGE CURRENT ROW EXCLUDE CURRENT ROW) AS o FROM (SELECT * FROM t ORDER BY w DESC, id) x', 'SELECT id, (SELECT array_agg(id ORDER BY w DESC, id) FROM t), (SELECT string_agg(w, '','' ORDER BY w DESC, id) FROM t i WHERE i.id <> o.id) FROM t o'),
  ('arrays', 'SELECT id, ARRAY(SELECT w FROM (SELECT w FROM t i WHERE i.g = o.g ORDER BY u DESC NULLS LAST, id) x WHERE w <> ''w3'') AS l, ARRAY(SELECT id FROM sorted WHERE g = o.g) AS v FROM t o', 'SELECT id, ARRAY(SELECT w FROM t i WHERE i.g = o.g AND w <> ''w3'' ORDER BY u DESC NULLS LAST, id), ARRAY(SELECT id FROM t i WHERE g = o.g ORDER BY w DESC, id) FROM t o'),
  ('limits', 'SELECT id, (SELECT w FROM (SELECT w FROM t i WHERE i.g = o.g ORDER BY u DESC NULLS LAST, id) x LIMIT 1) AS l, ARRAY(WITH c AS (SELECT id, w FROM t ORDER BY w DESC, id) SELECT id FROM c OFFSET 2 LIMIT 3) AS v FROM t o', 'SELECT id, (SELECT w FROM t i WHERE i.g = o.g ORDER BY u DESC NULLS LAST, id LIMIT 1), ARRAY(SELECT id FROM t ORDER BY w DESC, id OFFSET 2 LIMIT 3) FROM t o'),
  ('limit_of_all', 'SELECT id, g FROM (SELECT id, g FROM t ORDER BY w DESC, id) x WHERE g > 0 LIMIT 5', 'SELECT id, g FROM t WHERE g > 0 ORDER BY w DESC, id LIMIT 5'),
  ('limit_in_view', 'SELECT id FROM first_of_sorted', 'SELECT id FROM t ORDER BY w, id LIMIT 4'),
  ('first_of_each', 'SELECT DISTINCT ON (g) g, id, w FROM (SELECT * FROM t ORDER BY g, w DESC, id) x WHERE id <> 4', 'SELECT DISTINCT ON (g) g, id, w FROM t WHERE id <> 4 ORDER BY g, w DESC, id'),
  ('first_of_some', 'SELECT o.id, l.* FROM t o, LATERAL (SELECT DISTINCT ON (g) g AS k, g, w FROM (SELECT g, w FROM t i WHERE i.id < o.id ORDER BY g, u DESC NULLS LAST, id) x LIMIT 2) l', 'SELECT o.id, l.* FROM t o, LATERAL (SELECT DISTINCT ON (g) g AS k, g, w FROM t i WHERE i.id < o.id ORDER BY g, u DESC NULLS LAST, id LIMIT 2) l'),
  ('of_cte', 'WITH c AS (SELECT id, w FROM t ORDER BY w DESC, id) SELECT id, (SELECT json_agg(c)::text FROM c WHERE id > o.id) AS l FROM c o', 'SELECT id, (SELECT json_agg(c ORDER BY w DESC, id)::text FROM (SELECT id, w FROM t) c WHERE id > o.id) AS l FROM t o'),
  ('of_view', 'SELECT array_agg(id) AS l FROM sorted', 'SELECT array_agg(id ORDER BY w DESC, id) FROM t'),
  ('in_view', 'SELECT g, l FROM list_of_sorted WHERE g > 0', 'SELECT g, jsonb_agg(id ORDER BY w, id) FROM t WHERE g > 0 GROUP BY g'),
  ('within', 'SELECT g, (SELECT string_agg(w, '','') FROM (SELECT w FROM t i WHERE i.g = o.g ORDER BY id DESC) x) AS l FROM t o WHERE id < 4', 'SELECT g, (SELECT string_agg(w, '','' ORDER BY id DESC) FROM t i WHERE i.g = o.g) FROM t o WHERE id < 4');
SELECT pgtrickle.create_stream_table('sorted_subqueries.' || name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
CREATE FUNCTION differences() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  one record;
  is_wrong boolean;
BEGIN
  FOR one IN TABLE definition LOOP
    PERFORM pgtrickle.refresh_stream_table('sorted_subqueries.' || one.name);
    EXECUTE format('SELECT EXISTS (SELECT FROM ((TABLE %1$I EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d)', one.name, one.ordered) INTO is_wrong;
    IF is_wrong THEN RETURN NEXT one.name; END IF;
  END LOOP;
END $$;
-- filled
SELECT differences();
-- changed
DELETE FROM t WHERE id IN (2, 9, 14);
UPDATE t SET w = 'w' || id, u = chr(122 - id) WHERE id % 4 = 0;
INSERT INTO t SELECT i, i % 4, 'w' || i % 9, chr(97 + i % 26) FROM generate_series(21, 27) i;
SELECT differences();
INSERT INTO t VALUES (-1, NULL, 'a', 'b'), (0, 1, 'zz', NULL);
SELECT differences();
-- read_exactly
BEGIN;
UPDATE t SET w = 'b' || w WHERE id % 5 = 0;
SET LOCAL pg_trickle.read_mode = exact;
SELECT (TABLE list) = (SELECT string_agg(w, ',' ORDER BY w DESC) FROM t) AS same;
ROLLBACK;

-- the_order_is_part_of_the_definition
SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'sorted_subqueries' AND pgt_name IN ('hidden_key', 'first_rows', 'parts') ORDER BY pgt_name;
-- not_where_the_order_does_not_matter, or_is_another_one
SELECT pgtrickle.create_stream_table('sorted_subqueries.sums', 'SELECT sum(id), min(w), max(w), string_agg(DISTINCT w, '','') AS d, string_agg(w, '','' ORDER BY id) AS l FROM (SELECT * FROM t ORDER BY u) x', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sorted_subqueries.ranks', 'SELECT id, rank() OVER () AS r, row_number() OVER (ORDER BY id) AS n, sum(id) OVER (PARTITION BY g) AS s FROM (SELECT * FROM t ORDER BY u) x', '520w', 'DIFFERENTIAL');
SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'sorted_subqueries' AND pgt_name IN ('sums', 'ranks') ORDER BY pgt_name;
-- a_key_that_cannot_be_returned
SELECT pgtrickle.create_stream_table('sorted_subqueries.whole_rows', 'SELECT json_agg(x)::text AS l FROM (SELECT w FROM t ORDER BY id) x', '520w', 'DIFFERENTIAL');
DROP SCHEMA sorted_subqueries CASCADE;
