-- Expressions that name no operator, over a type whose operators are in a schema outside of search_path.
SET client_min_messages = warning;
CREATE SCHEMA operators_of_own_types;
CREATE SCHEMA "Own Operators";
CREATE EXTENSION citext SCHEMA "Own Operators";
SET search_path = operators_of_own_types, "Own Operators";
CREATE DOMAIN small AS citext CHECK (length(VALUE) < 9);
CREATE TABLE t (id int PRIMARY KEY, k int, a citext, b citext, d small, l citext[], n text);
CREATE TABLE u (id int PRIMARY KEY, k int, a citext, b citext);
CREATE TYPE pair AS (x int, y int);
CREATE FUNCTION sums_less(pair, pair) RETURNS bool IMMUTABLE STRICT LANGUAGE sql RETURN ($1).x + ($1).y < ($2).x + ($2).y;
CREATE FUNCTION sums_at_least(pair, pair) RETURNS bool IMMUTABLE STRICT LANGUAGE sql RETURN ($1).x + ($1).y >= ($2).x + ($2).y;
CREATE OPERATOR <<< (LEFTARG = pair, RIGHTARG = pair, FUNCTION = sums_less, NEGATOR = >>>);
CREATE OPERATOR >>> (LEFTARG = pair, RIGHTARG = pair, FUNCTION = sums_at_least, NEGATOR = <<<);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('told_apart', $$SELECT id, a IS DISTINCT FROM b AS d, a IS NOT DISTINCT FROM 'x'::citext AS x, d IS DISTINCT FROM a AS s, (a, k) IS DISTINCT FROM (b, id) AS r, l IS DISTINCT FROM '{x}' AS l FROM t$$),
  ('selected_apart', $$SELECT id FROM t WHERE a IS NOT DISTINCT FROM b OR NOT b IS DISTINCT FROM 'Y'$$),
  ('nulled', $$SELECT id, nullif(a, b) AS n, nullif(d, 'X') AS d, nullif(a, 'y'::citext) AS y, nullif(n, 'x') AS t FROM t$$),
  ('cases', $$SELECT id, CASE a WHEN 'X' THEN 1 WHEN b THEN 2 ELSE 3 END AS c, CASE d WHEN 'x' THEN CASE b WHEN 'Y' THEN a END ELSE b END AS d, CASE (a, b) WHEN ('x'::citext, 'Y'::citext) THEN 1 END AS r, CASE n WHEN a THEN 1 WHEN 'x' THEN 2 END AS n, CASE l WHEN '{X,y}' THEN 1 END AS l FROM t$$),
  ('ordered_rows', $$SELECT id, (a, k) < (b, id) AS l, (k, a) <= (id, b) AS m, (a, b) > ('X', 'y') AS g, (n, a, k) >= ('x', b, id) AS h, (a, b) = (b, a) AS e, (a, b) <> (b, 'y') AS f FROM t$$),
  ('lists', $$SELECT id, a IN ('X', 'z') AS i, a NOT IN (b, 'y') AS n, b = ANY (l) AS a, a <> ALL (l) AS o, (a, k) IN (('X', 1), (b, 2)) AS r, l = '{X}' AS e, l @> '{Y}' AS c FROM t$$),
  ('between', $$SELECT id FROM t WHERE a BETWEEN 'W' AND b OR b NOT BETWEEN SYMMETRIC 'Z' AND 'x'$$),
  ('patterns', $$SELECT id, a LIKE 'X%' AS l, a ~ '^y' AS r, a ILIKE b AS i, greatest(a, b, 'X') AS g, least(a, d) AS m, replace(a, 'X', 'z') AS f FROM t$$),
  ('joined', $$SELECT t.id, a, u.b FROM t JOIN u USING (a)$$),
  ('joined_both', $$SELECT a, b, t.id, u.id AS other FROM t FULL JOIN u USING (a, b)$$),
  ('joined_null_safe', $$SELECT t.id, u.id AS other FROM t LEFT JOIN u ON t.a IS NOT DISTINCT FROM u.a AND t.k = u.k$$),
  ('extrema', $$SELECT k, lower(min(a)) AS l, lower(max(b)) AS h, count(DISTINCT a) AS c, string_agg(a, '-' ORDER BY a USING <, id) AS s, string_agg(b, '' ORDER BY b USING >, id) AS u FROM t GROUP BY k$$),
  ('filtered', $$SELECT k, count(*) FILTER (WHERE a IS DISTINCT FROM b) AS c, sum(id) FILTER (WHERE nullif(a, 'x') IS NULL) AS s FROM t GROUP BY k HAVING bool_or(CASE a WHEN 'x' THEN true ELSE b = 'y' END)$$),
  ('windowed', $$SELECT id, rank() OVER (PARTITION BY k ORDER BY a, b DESC) AS r, lag(nullif(a, b)) OVER (ORDER BY a IS DISTINCT FROM 'X', id) AS p FROM t$$),
  ('subqueries', $$SELECT id, a IN (SELECT a FROM u) AS i, b > ALL (SELECT b FROM u WHERE u.k = t.k) AS g, (a, b) = (SELECT a, b FROM u WHERE u.id = t.id) AS r, (SELECT count(*) FROM u WHERE u.a IS DISTINCT FROM t.a) AS c FROM t$$),
  ('negated', $$SELECT id FROM (SELECT id, k, ROW(k, id)::pair AS p FROM t) s WHERE p <<< ALL (SELECT ROW(u.id, u.id * 3)::pair FROM u WHERE u.k = s.k AND id > 2)$$),
  ('negated_value', $$SELECT id, p >>> ALL (SELECT ROW(id, u.k)::pair FROM u) AS a FROM (SELECT id, ROW(k, id)::pair AS p FROM t) s$$),
  ('not_in', $$SELECT id FROM t WHERE (a, b) NOT IN (SELECT a, b FROM u WHERE b > 'X')$$),
  ('computed', $$SELECT t.id, g.x IS DISTINCT FROM t.b AS d FROM t, unnest(l) g(x) WHERE g.x IS NOT DISTINCT FROM t.a$$),
  ('sets', $$SELECT lower(a) AS a FROM t WHERE nullif(a, b) IS NULL EXCEPT SELECT lower(a) FROM u$$);
SELECT pgtrickle.create_stream_table('operators_of_own_types.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
INSERT INTO t SELECT g, g % 3, v[g % 5 + 1], v[g % 7 % 5 + 1], v[g % 4 + 1], ARRAY[v[g % 5 + 1], 'y'], v[g % 5 + 1] FROM generate_series(1, 30) g, (VALUES ('{x,X,Y,NULL,z}'::citext[])) w(v);
INSERT INTO u SELECT g, g % 3, v[g % 5 + 1], v[g % 4 + 1] FROM generate_series(1, 8) g, (VALUES ('{X,y,Z,NULL,xx}'::citext[])) w(v);
SELECT * FROM test.wrong('kept', true);
SELECT DISTINCT d, x, s, r, l FROM told_apart ORDER BY 1, 2, 3, 4, 5;
-- images_change
UPDATE t SET a = upper(a), b = lower(b) WHERE id % 2 = 0;
UPDATE u SET a = lower(a) WHERE k = 1;
SELECT * FROM test.wrong('kept', true);
-- values_change
UPDATE t SET a = 'x', b = NULL, l = '{X}' WHERE id % 4 = 0;
UPDATE u SET b = 'X' WHERE b IS NULL;
SELECT * FROM test.wrong('kept', true);
-- rows_go
DELETE FROM t WHERE id % 3 = 0;
DELETE FROM u WHERE a = 'x' OR a IS NULL;
SELECT * FROM test.wrong('kept', true);
-- everything_goes_and_comes
DELETE FROM t;
SELECT * FROM test.wrong('kept', true);
INSERT INTO t VALUES (1, 1, 'X', 'x', 'X', '{x}', 'x'), (2, 1, NULL, NULL, NULL, NULL, NULL), (3, 1, 'y', 'Y', 'z', '{X,y}', 'Y');
SELECT * FROM test.wrong('kept', true);
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('operators_of_own_types.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
SET client_min_messages = error;
DROP SCHEMA operators_of_own_types, "Own Operators" CASCADE;
