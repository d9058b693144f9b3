-- LATERAL subqueries: plain ones, aggregates, groups, and the first rows of each.
SET client_min_messages = warning;
CREATE SCHEMA lateral_subqueries;
SET search_path = lateral_subqueries;
CREATE TABLE a (id int PRIMARY KEY, k int, v int);
CREATE TABLE b (id int PRIMARY KEY, k int, w int);
INSERT INTO a SELECT g, nullif(g % 7, 3), g % 5 FROM generate_series(1, 30) g;
INSERT INTO b SELECT g, nullif(g % 9, 4), g % 4 FROM generate_series(1, 12) g;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('plain', $$SELECT a.id, l.* FROM a, LATERAL (SELECT b.w + a.v AS x FROM b WHERE b.k = a.k) l$$),
  ('plain_left', $$SELECT a.id, l.* FROM a LEFT JOIN LATERAL (SELECT b.w + a.v AS x FROM b WHERE b.k = a.k) l ON l.x > 2$$),
  ('aggregates', $$SELECT a.id, l.* FROM a, LATERAL (SELECT count(*) AS c, max(w) AS m FROM b WHERE b.k = a.k) l$$),
  ('groups', $$SELECT a.id, l.* FROM a LEFT JOIN LATERAL (SELECT w, count(*) AS c FROM b WHERE b.k = a.k GROUP BY w) l ON true$$),
  ('first_two', $$SELECT a.id, l.* FROM a CROSS JOIN LATERAL (SELECT b.id AS bid, b.w FROM b WHERE b.k = a.k ORDER BY b.w DESC, b.id LIMIT 2) l$$),
  ('first_two_left', $$SELECT a.id, l.* FROM a LEFT JOIN LATERAL (SELECT b.id AS bid, b.w FROM b WHERE b.k = a.k ORDER BY b.w DESC, b.id LIMIT 2) l ON l.w > 1$$),
  ('of_two_items', $$SELECT a.id, c.id AS cid, l.n FROM a JOIN a c ON c.id = a.id + 7, LATERAL (SELECT count(*) AS n FROM b WHERE b.k = a.k AND b.w <= c.v) l$$),
  ('two_in_a_row', $$SELECT a.id, m.* FROM a, LATERAL (SELECT max(w) AS x FROM b WHERE b.k = a.k) l, LATERAL (SELECT count(*) AS n FROM b WHERE b.w = l.x) m$$),
  ('inside_lateral', $$SELECT a.id, l.* FROM a, LATERAL (SELECT b.id AS bid, m.n FROM b, LATERAL (SELECT count(*) AS n FROM a c WHERE c.v = b.w AND c.k = a.k) m WHERE b.k = a.k) l$$),
  ('left_of_a_join', $$SELECT a.id, l.n, l.w FROM a LEFT JOIN (b JOIN LATERAL (SELECT count(*) AS n, b.w FROM a c WHERE c.v = b.w) l ON true) ON b.k = a.k$$),
  ('scalar_in_from', $$SELECT x.id, y.n FROM a x JOIN (SELECT k, (SELECT count(*) FROM a z WHERE z.k = b.k) AS n FROM b) y ON y.k = x.k$$),
  ('of_union', $$SELECT a.id, l.x FROM a, LATERAL (SELECT b.w AS x FROM b WHERE b.k = a.k UNION SELECT a.v) l$$),
  ('left_of_right_join', $$SELECT a.id, l.x, b.id AS bid FROM a, LATERAL (SELECT a.v + 1 AS x) l RIGHT JOIN b ON b.w = l.x$$),
  ('groups_left_of_right_join', $$SELECT a.id, l.n, c.id AS cid, b.id AS bid FROM a, LATERAL (SELECT count(*) AS n FROM b WHERE b.k = a.k) l CROSS JOIN a c RIGHT JOIN b ON b.w = l.n AND b.k = c.k WHERE a.id < 4$$),
  ('function_left_of_right_join', $$SELECT a.id, g, b.id AS bid FROM a, generate_series(a.k, a.v) g RIGHT JOIN b ON b.w = g$$),
  ('left_of_two_right_joins', $$SELECT a.id, l.x, b.id AS bid, c.id AS cid FROM a, LATERAL (SELECT b.w AS x FROM b WHERE b.k = a.k ORDER BY b.id LIMIT 1) l RIGHT JOIN b ON b.w = l.x RIGHT JOIN b c ON c.k = b.k AND c.w = l.x WHERE a.id < 4$$),
  ('left_of_full_join', $$SELECT a.id, l.x, b.id AS bid FROM a, LATERAL (SELECT a.v + 1 AS x, a.k) l FULL JOIN b ON b.w = l.x AND b.k = l.k$$),
  ('groups_left_of_full_join', $$SELECT a.id, a.v, l.n, b.id AS bid FROM a, LATERAL (SELECT count(*) AS n FROM b WHERE b.k = a.k HAVING count(*) > 1) l FULL JOIN b ON b.w = l.n WHERE a.v < 3 AND coalesce(b.k, 1) < 4$$),
  ('left_of_left_join_of_full_join', $$SELECT a.id, l.x, b.id AS bid, c.id AS cid FROM a, LATERAL (SELECT a.v AS x) l FULL JOIN b ON b.w = l.x LEFT JOIN a c ON c.k = b.k AND c.v = l.x$$),
  ('left_of_full_join_within', $$SELECT c.id, (SELECT count(l.x) + sum(b.id) FROM a, LATERAL (SELECT a.v + c.v AS x) l FULL JOIN b ON b.w = l.x WHERE a.k = c.k AND (b.k IS NULL OR b.k < c.k)) AS n FROM a c$$),
  ('condition_below_right_join', $$SELECT a.id, l.* FROM a, LATERAL (SELECT y.id AS yid, z.id AS zid FROM b x JOIN b y ON y.id = x.id AND a.v = 1 RIGHT JOIN b z ON z.id = x.id) l$$),
  ('condition_below_left_join', $$SELECT a.id, l.* FROM a, LATERAL (SELECT y.id AS yid, z.id AS zid FROM b z LEFT JOIN (b x JOIN b y ON y.id = x.id AND a.v = 1) ON z.id = x.id) l$$),
  ('condition_below_full_join', $$SELECT a.id, l.* FROM a, LATERAL (SELECT y.id AS yid, z.id AS zid FROM b x JOIN b y ON y.id = x.id AND a.v = 1 FULL JOIN b z ON z.id = x.id) l$$),
  ('condition_on_a_lateral_right_side', $$SELECT a.id, l.* FROM a, LATERAL (SELECT x.id AS xid, m.v FROM b x LEFT JOIN LATERAL (SELECT c.v FROM a c WHERE c.k = a.k AND c.v = x.w) m(v) ON a.v = m.v) l$$),
  ('condition_on_two_lateral_right_sides', $$SELECT a.id, (SELECT count(n.w) FROM b x LEFT JOIN LATERAL (SELECT c.v FROM a c WHERE c.v = x.w) m ON a.k = m.v LEFT JOIN LATERAL (SELECT d.w FROM b d WHERE d.k = x.k AND d.w >= m.v) n ON n.w = a.v AND n.w <> a.k) AS c FROM a$$),
  ('condition_below_two_right_joins', $$SELECT a.id, l.* FROM a, LATERAL (SELECT x.id AS xid, z.id AS zid, u.id AS uid FROM b x JOIN b y ON y.w = a.v RIGHT JOIN b z ON z.id = x.id AND z.k = a.k RIGHT JOIN b u ON u.id = z.id + 1) l$$);
SELECT pgtrickle.create_stream_table('lateral_subqueries.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
-- rows_of_the_subquery_appear_one_with_null
INSERT INTO b VALUES (100, 5, 2), (101, NULL, 1), (102, 3, 0);
SELECT * FROM test.wrong('kept');
-- its_last_null_goes
DELETE FROM b WHERE k IS NULL;
SELECT * FROM test.wrong('kept');
-- both_sides_change
UPDATE a SET k = 3 WHERE k IS NULL;
UPDATE b SET w = w + 1 WHERE id % 3 = 0;
SELECT * FROM test.wrong('kept');
-- a_row_comes_and_goes_between_two_refreshes
INSERT INTO b VALUES (103, 1, 4);
DELETE FROM b WHERE id = 103;
SELECT * FROM test.wrong('kept');
-- nearly_nothing_is_left_beside_outer_nulls
DELETE FROM b WHERE id > 3;
INSERT INTO a VALUES (200, NULL, NULL), (201, NULL, 1);
SELECT * FROM test.wrong('kept');
-- the_subquery_has_no_row
DELETE FROM b;
SELECT * FROM test.wrong('kept');
-- it_is_filled_again
INSERT INTO b SELECT g, g % 5, g % 6 FROM generate_series(1, 20) g;
DELETE FROM a WHERE id % 2 = 0;
SELECT * FROM test.wrong('kept');
-- there_is_no_outer_row
DELETE FROM a;
SELECT * FROM test.wrong('kept');

-- a_function_beside_a_full_join
\set VERBOSITY terse
SELECT pgtrickle.create_stream_table('lateral_subqueries.function_left_of_full_join', 'SELECT a.id, g, b.id AS bid FROM a, generate_series(a.k, a.v) g FULL JOIN b ON b.w = g', '520w', 'DIFFERENTIAL');

-- all_of_it_by_deltas
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('lateral_subqueries.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA lateral_subqueries CASCADE;
