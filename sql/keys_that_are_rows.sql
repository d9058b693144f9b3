-- Keys written ROW(…)::type: one value, and not a list of values that are compared one by one.
SET client_min_messages = warning;
CREATE SCHEMA keys_that_are_rows;
SET search_path = keys_that_are_rows;
CREATE TYPE pair AS (a int, b text);
CREATE TYPE one AS (a int);
CREATE TYPE nest AS (p pair, o one);
CREATE DOMAIN small_pair AS pair CHECK ((VALUE).a < 100);
CREATE TABLE p (k int, v text);
INSERT INTO p VALUES (1, 'a'), (2, 'b'), (1, 'a'), (NULL, 'c'), (NULL, NULL);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('compared', 'SELECT p.k, q.v FROM p JOIN p q ON ROW(p.k, p.v)::pair = ROW(q.k, q.v)::pair'),
  ('counted', 'SELECT ROW(k, v)::pair AS r, count(*) AS n FROM p GROUP BY 1'),
  ('counted_distinct', 'SELECT k, count(DISTINCT ROW(k, v)::pair) AS n FROM p GROUP BY k'),
  ('different', 'SELECT DISTINCT ROW(k, v)::pair AS r FROM p'),
  ('distinct_on', 'SELECT DISTINCT ON (ROW(k)::one) k, v FROM p ORDER BY ROW(k)::one, v'),
  ('excepted', 'SELECT ROW(k, v)::pair AS r FROM p EXCEPT SELECT ROW(k + 1, v)::pair FROM p'),
  ('gathered', 'SELECT ROW(k, v)::pair AS r, string_agg(v, '','' ORDER BY v) AS n FROM p GROUP BY 1'),
  ('gathered_by_domain', 'SELECT ROW(k, v)::small_pair AS r, string_agg(v, '','' ORDER BY v) AS n FROM p GROUP BY 1'),
  ('gathered_by_nested', 'SELECT ROW(ROW(k, v), ROW(k))::nest AS r, string_agg(v, '','' ORDER BY v) AS n FROM p GROUP BY 1'),
  ('gathered_by_one', 'SELECT ROW(k)::one AS r, string_agg(v, '','' ORDER BY v) AS n FROM p GROUP BY 1'),
  ('gathered_by_two', 'SELECT ROW(k)::one AS r, v, string_agg(v, '','' ORDER BY v) AS n FROM p GROUP BY 1, 2'),
  ('gathered_below', 'SELECT r, array_agg(v ORDER BY v) AS n FROM (SELECT ROW(k, v)::pair AS r, v FROM p) q GROUP BY r'),
  ('in_list', 'SELECT k FROM (SELECT k, ROW(k, v)::pair AS r FROM p) q WHERE r IN (SELECT ROW(k, v)::pair FROM p WHERE k = 1)'),
  ('numbered', 'SELECT k, row_number() OVER (PARTITION BY ROW(k, v)::pair) AS n FROM p'),
  ('of_outer_row', 'SELECT k, (SELECT count(*) FROM p WHERE ROW(k, v)::pair = q.r) AS n FROM (SELECT k, ROW(k, v)::pair AS r FROM p) q'),
  ('smallest', 'SELECT ROW(k)::one AS r, min(v) AS n, max(v) AS m FROM p GROUP BY 1');
SELECT pgtrickle.create_stream_table('keys_that_are_rows.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one kept; n bigint;
BEGIN
  FOR one IN TABLE kept LOOP
    PERFORM pgtrickle.refresh_stream_table('keys_that_are_rows.' || one.name);
    EXECUTE format('SELECT count(*) FROM ((TABLE %I EXCEPT ALL (%s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', one.name, one.query) INTO n;
    IF n > 0 THEN RETURN NEXT one.name; END IF;
  END LOOP;
END $$;
INSERT INTO p VALUES (1, 'a'), (3, 'c'), (NULL, NULL), (NULL, 'd');
SELECT wrong();
DELETE FROM p WHERE k = 2 OR v = 'd';
UPDATE p SET v = 'z' WHERE k IS NULL OR k = 3;
SELECT wrong();
UPDATE p SET k = NULL, v = NULL WHERE k = 1;
SELECT wrong();
DROP SCHEMA keys_that_are_rows CASCADE;
RESET client_min_messages;
