-- Aggregates of an outer level, written in a sub-query, whose argument, filter, order or direct argument contains a sub-query.
SET client_min_messages = warning;
CREATE SCHEMA aggregates_of_outer_levels;
SET search_path = aggregates_of_outer_levels;
CREATE TABLE a (id int PRIMARY KEY, k int, v int);
CREATE TABLE b (id int PRIMARY KEY, k int, w int);
INSERT INTO a SELECT g, nullif(g % 7, 3), g % 5 FROM generate_series(1, 30) g;
INSERT INTO b SELECT g, nullif(g % 9, 4), g % 4 FROM generate_series(1, 12) g;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('argument', $$SELECT k, (SELECT max(b.w) + sum(a.v * (SELECT max(c.w) FROM b c WHERE c.k = a.k)) FROM b) AS s FROM a GROUP BY k$$),
  ('filter', $$SELECT k, (SELECT b.w FROM b WHERE b.id = sum(a.v) FILTER (WHERE a.v IN (SELECT w FROM b))) AS s FROM a GROUP BY k$$),
  ('ordered', $$SELECT k, (SELECT (array_agg(a.v ORDER BY (SELECT c.w FROM b c WHERE c.id = a.v), a.id))[1] + b.w FROM b WHERE b.id = 5) AS s FROM a GROUP BY k$$),
  ('direct', $$SELECT k, (SELECT count(*) FROM b WHERE b.w < percentile_disc((SELECT max(c.w) / 10.0 FROM b c WHERE c.id < a.k)) WITHIN GROUP (ORDER BY a.v)) AS n FROM a GROUP BY k$$),
  ('having', $$SELECT k FROM a GROUP BY k HAVING EXISTS (SELECT FROM b WHERE b.id < sum(a.v) FILTER (WHERE EXISTS (SELECT FROM b c WHERE c.w = a.v)))$$),
  ('two_levels_in', $$SELECT k, (SELECT max((SELECT c.w FROM b c WHERE c.id = b.w + count(*) FILTER (WHERE NOT EXISTS (SELECT FROM b d WHERE d.k = a.k)))) FROM b) AS s FROM a GROUP BY k$$),
  ('also_outside', $$SELECT k, sum((SELECT c.w FROM b c WHERE c.id = a.v)) AS x, (SELECT count(*) FROM b WHERE b.w < sum((SELECT c.w FROM b c WHERE c.id = a.v))) AS y FROM a GROUP BY k$$),
  ('of_all_rows', $$SELECT (SELECT count(*) FROM b WHERE b.id <= sum((SELECT c.w FROM b c WHERE c.id = a.v))) AS n FROM a WHERE k = 5$$),
  ('correlated', $$SELECT b.id, (SELECT (SELECT count(*) FROM b c WHERE c.w < sum((SELECT d.w FROM b d WHERE d.id = a.v AND d.k >= b.k))) FROM a WHERE a.k = b.k) AS n FROM b$$),
  ('grouping_sets', $$SELECT k, v, (SELECT count(*) FROM b WHERE b.id < max((SELECT c.w FROM b c WHERE c.id = a.id))) AS n FROM a GROUP BY ROLLUP (k, v)$$),
  ('in_a_window', $$SELECT k, sum((SELECT max(b.w) FROM b WHERE b.id < count(*) FILTER (WHERE a.v IN (SELECT w FROM b)))) OVER (ORDER BY k) AS s FROM a GROUP BY k$$),
  ('of_a_cte', $$WITH c AS (SELECT w FROM b WHERE k > 2) SELECT k, (SELECT count(*) FROM b WHERE b.w < sum(a.v) FILTER (WHERE a.v IN (SELECT w FROM c))) AS n FROM a GROUP BY k$$),
  ('in_from', $$SELECT k, (SELECT n FROM (SELECT count(*) AS n FROM b WHERE b.w < max((SELECT c.k FROM b c WHERE c.id = a.v))) q) AS n FROM a GROUP BY k$$);
SELECT pgtrickle.create_stream_table('aggregates_of_outer_levels.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- filled
SELECT * FROM test.wrong('kept');
-- rows_of_the_inner_subqueries_change
UPDATE b SET w = w + 2 WHERE id % 3 = 0;
DELETE FROM b WHERE id = 5;
SELECT * FROM test.wrong('kept');
-- rows_that_are_aggregated_change
UPDATE a SET v = v + 1 WHERE id % 4 = 0;
DELETE FROM a WHERE k = 2;
SELECT * FROM test.wrong('kept');
-- all_change
INSERT INTO a SELECT g, g % 3, g % 11 FROM generate_series(100, 120) g;
INSERT INTO b SELECT g, g % 7, g % 3 FROM generate_series(13, 20) g;
UPDATE a SET k = k + 1 WHERE id < 9;
SELECT * FROM test.wrong('kept');
-- there_are_no_rows
DELETE FROM a;
SELECT * FROM test.wrong('kept');
-- all_of_it_by_deltas
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('aggregates_of_outer_levels.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA aggregates_of_outer_levels CASCADE;
