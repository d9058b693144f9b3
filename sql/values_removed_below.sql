-- Expressions are not evaluated for values that a set operation, LIMIT or DISTINCT ON below them removes, however cheap they are:
-- neither a fill nor a delta fails unless the query does.
SET client_min_messages = warning;
CREATE SCHEMA values_removed_below;
SET search_path = values_removed_below;
CREATE TABLE l (id int PRIMARY KEY, a int, g int);
CREATE TABLE r (id int PRIMARY KEY, a int, g int);
CREATE TABLE o (a int, note text);
INSERT INTO l VALUES (1, 5, 1), (2, 0, 1), (3, 6, 2), (4, 4, 3);
INSERT INTO r VALUES (1, 0, 2), (2, 4, 1);
INSERT INTO o VALUES (5, 'five'), (7, 'seven');
-- PostgreSQL evaluates it before any comparison of the same WHERE.
CREATE FUNCTION fits(int) RETURNS bool IMMUTABLE COST 0.0001 LANGUAGE plpgsql AS 'BEGIN RETURN 12 / $1 > 0; END';
CREATE VIEW remaining AS SELECT a FROM l EXCEPT SELECT a FROM r;
CREATE VIEW remaining_copies AS SELECT a FROM l EXCEPT ALL SELECT a FROM r;
CREATE VIEW common AS SELECT a FROM l INTERSECT SELECT a FROM r WHERE a > 0;
CREATE VIEW largest AS SELECT id, a FROM l ORDER BY a DESC, id LIMIT 2;
CREATE VIEW not_least AS SELECT id, a FROM l ORDER BY a, id OFFSET 1;
CREATE VIEW largest_of_each AS SELECT DISTINCT ON (g) g, a FROM l ORDER BY g, a DESC;
CREATE TABLE shape (name text, query text);
INSERT INTO shape VALUES
  ('except', 'SELECT a FROM remaining WHERE fits(a)'),
  ('except_all', 'SELECT a FROM remaining_copies WHERE fits(a)'),
  ('computed', 'SELECT q FROM (SELECT fits(a) AS q FROM remaining) x WHERE q'),
  ('computed_twice', 'SELECT a FROM (SELECT a, q AS p FROM (SELECT a, fits(a) AS q FROM remaining) x) y WHERE p'),
  ('joined', 'SELECT x.a, o.note FROM remaining x JOIN o USING (a) WHERE fits(x.a)'),
  ('joined_by_both', 'SELECT x.a, y.id FROM remaining x JOIN largest y USING (a) WHERE fits(x.a) AND fits(y.a)'),
  ('left_of_outer_join', 'SELECT x.a, o.note FROM remaining x LEFT JOIN o USING (a) WHERE fits(x.a)'),
  ('right_of_outer_join', 'SELECT o.a, x.a AS xa FROM o LEFT JOIN remaining x USING (a) WHERE coalesce(fits(x.a), true)'),
  ('of_union', 'SELECT a FROM (SELECT a FROM remaining UNION ALL SELECT a FROM o) u WHERE fits(a)'),
  ('of_copied_limit', 'SELECT a FROM (SELECT a FROM largest UNION ALL SELECT a FROM o) u WHERE fits(a)'),
  ('limited', 'SELECT id FROM largest WHERE fits(a)'),
  ('skipped', 'SELECT id FROM not_least WHERE fits(a)'),
  ('first_of_each', 'SELECT g FROM largest_of_each WHERE fits(a)'),
  ('partition_of_limit', 'SELECT a, n FROM (SELECT x.a, count(*) OVER (PARTITION BY x.g) AS n FROM (SELECT * FROM l ORDER BY a DESC, id LIMIT 3) x JOIN o USING (a)) y WHERE fits(a)'),
  ('partition_of_except', 'SELECT a, n FROM (SELECT x.a, count(*) OVER (PARTITION BY o.note) AS n FROM remaining x JOIN o USING (a)) y WHERE fits(a)'),
  ('rollup', 'SELECT a, g, count(*) AS n FROM l GROUP BY ROLLUP (a, g) HAVING count(*) > 1 AND 12 / a > 1'),
  ('grouped_above', 'SELECT fits(a) AS q, count(*) AS n FROM remaining WHERE fits(a) GROUP BY 1 HAVING count(*) > 0');
SELECT count(pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL')) FROM shape;
-- PostgreSQL evaluates it for both sides.
SELECT pgtrickle.create_stream_table('intersect_', 'SELECT a FROM common WHERE fits(a)', '520w', 'DIFFERENTIAL') \g /dev/null
-- Returns those not maintained by deltas, or not equal to their query; an error about a value causes a full refresh.
CREATE FUNCTION different() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one record; found text;
BEGIN
  FOR one IN SELECT * FROM shape UNION ALL VALUES ('intersect_', 'SELECT a FROM (SELECT * FROM common OFFSET 0) x WHERE fits(a)') LOOP
    SELECT action INTO found FROM pgtrickle.get_refresh_history(one.name, 1);
    IF found NOT IN ('DIFFERENTIAL', 'NO_DATA') THEN RETURN NEXT one.name || ': ' || found; END IF;
    EXECUTE format('SELECT ''untrue'' WHERE EXISTS (TABLE %1$I EXCEPT ALL %2$s) OR EXISTS (%2$s EXCEPT ALL TABLE %1$I)', one.name, '(' || one.query || ')') INTO found;
    IF found IS NOT NULL THEN RETURN NEXT one.name || ': ' || found; END IF;
  END LOOP;
END $$;
-- the_rows_of_the_first_fill
SELECT name, action FROM shape, LATERAL (SELECT action FROM pgtrickle.get_refresh_history(name, 1)) h WHERE action <> 'FULL';
-- deltas that contain the removed row
INSERT INTO l VALUES (5, 12, 2);
INSERT INTO r VALUES (3, 12, 2), (4, 0, 3);
INSERT INTO o VALUES (12, 'twelve');
UPDATE l SET g = 3 WHERE a = 0;
SELECT count(pgtrickle.refresh_stream_table(name)) FROM (SELECT name FROM shape UNION ALL SELECT 'intersect_') s \g /dev/null
SELECT * FROM different();
DELETE FROM r WHERE a = 12 OR id = 1;
INSERT INTO l VALUES (7, 8, 1), (8, 9, 3);
SELECT count(pgtrickle.refresh_stream_table(name)) FROM (SELECT name FROM shape UNION ALL SELECT 'intersect_') s \g /dev/null
SELECT * FROM different();
UPDATE l SET a = 3 WHERE id = 3;
UPDATE l SET id = 9, g = 1 WHERE a = 0;
UPDATE o SET a = 8 WHERE a = 7;
SELECT count(pgtrickle.refresh_stream_table(name)) FROM (SELECT name FROM shape UNION ALL SELECT 'intersect_') s \g /dev/null
SELECT * FROM different();
DELETE FROM l WHERE a >= 8;
SELECT count(pgtrickle.refresh_stream_table(name)) FROM (SELECT name FROM shape UNION ALL SELECT 'intersect_') s \g /dev/null
SELECT * FROM different();
-- and_where_the_query_fails_so_does_the_refresh
DELETE FROM r WHERE a = 0;
\set SHOW_CONTEXT never
SELECT pgtrickle.refresh_stream_table('except');
DROP SCHEMA values_removed_below CASCADE;
