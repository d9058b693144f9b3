-- LIMIT ALL, LIMIT NULL and OFFSET 0 return every row, so they need no ORDER BY.
SET client_min_messages = warning;
CREATE SCHEMA limits_that_leave_all;
SET search_path = limits_that_leave_all;
CREATE TABLE a (id int PRIMARY KEY, val int, list int[]);
INSERT INTO a SELECT g, g % 3, ARRAY[g, g + 1] FROM generate_series(1, 6) g;
CREATE VIEW fenced AS SELECT id, val FROM a OFFSET 0;
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('all_rows', 'SELECT id FROM a LIMIT ALL'),
  ('a_count', 'SELECT count(*) AS n FROM a LIMIT 1'),
  ('a_list_if_long', 'SELECT jsonb_agg(id ORDER BY id) AS l FROM a HAVING count(*) > 3 LIMIT 2 OFFSET 0'),
  ('a_count_of_each', 'SELECT id, (SELECT count(*) FROM a b WHERE b.val = a.id LIMIT 1) AS n FROM a'),
  ('aggregate', 'SELECT val, count(*) AS n FROM (SELECT * FROM a OFFSET 0) q GROUP BY val OFFSET 0'),
  ('anti', 'SELECT id FROM a WHERE NOT EXISTS (SELECT FROM a b WHERE b.id = a.val OFFSET 0)'),
  ('before_filter', 'SELECT id, 12 / val AS q FROM (SELECT * FROM a WHERE val <> 0 OFFSET 0) q WHERE 12 / val > 6'),
  ('big_zero', 'SELECT id FROM a OFFSET 0::bigint'),
  ('both', 'SELECT id FROM a LIMIT NULL OFFSET 0'),
  ('cte', 'WITH c AS (SELECT id FROM a OFFSET 0) SELECT c.id, d.id AS other FROM c JOIN c d ON d.id = c.id + 1'),
  ('lateral_list', 'SELECT id, x FROM a, LATERAL (SELECT x FROM unnest(a.list) x OFFSET 0) l'),
  ('nothing_skipped', 'SELECT id FROM a OFFSET 0'),
  ('null_of_a_type', 'SELECT id FROM a LIMIT NULL::int OFFSET NULL::smallint'),
  ('of_union', '(SELECT id FROM a LIMIT ALL) UNION ALL (SELECT val FROM a OFFSET 0) OFFSET 0'),
  ('scalar', 'SELECT id, (SELECT max(b.id) FROM a b WHERE b.val = a.val OFFSET 0) AS m FROM a'),
  ('sorted', 'SELECT id FROM (SELECT id FROM a ORDER BY val OFFSET 0) q'),
  ('view', 'SELECT v.id, a.val FROM fenced v LEFT JOIN a ON a.id = v.val');
SELECT pgtrickle.create_stream_table('limits_that_leave_all.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
SELECT pgtrickle.create_stream_table('limits_that_leave_all.full_' || name, query, '520w', 'FULL') FROM kept WHERE name IN ('both', 'view') \g /dev/null
-- EXISTS ignores a limit of at least one row: a semi join without numbered rows
SELECT pgtrickle.create_stream_table('limits_that_leave_all.asked_for_one', 'SELECT id FROM a WHERE EXISTS (SELECT FROM a b WHERE b.id = a.val ORDER BY b.val DESC LIMIT 1)', '520w', 'DIFFERENTIAL') \g /dev/null
INSERT INTO kept VALUES ('asked_for_one', 'SELECT id FROM a WHERE EXISTS (SELECT FROM a b WHERE b.id = a.val ORDER BY b.val DESC LIMIT 1)');
SELECT value ~ 'semi join' AS is_semi_join, value ~ 'window' AS has_window FROM pgtrickle.explain_st('asked_for_one') WHERE property = 'operators';
-- other limits need an ORDER BY
\set VERBOSITY terse
SELECT pgtrickle.create_stream_table('skips', 'SELECT id FROM a OFFSET 1', '520w');
SELECT pgtrickle.create_stream_table('limited', 'SELECT id FROM a LIMIT 1 OFFSET 0', '520w');
SELECT pgtrickle.create_stream_table('limited', 'SELECT count(*) FROM a GROUP BY val LIMIT 1', '520w');
SELECT pgtrickle.create_stream_table('limited', 'SELECT count(*), generate_series(1, 2) FROM a LIMIT 1', '520w');
\set VERBOSITY default
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one kept; n bigint;
BEGIN
  FOR one IN TABLE kept LOOP
    PERFORM pgtrickle.refresh_stream_table('limits_that_leave_all.' || one.name);
    EXECUTE format('SELECT count(*) FROM ((TABLE %I EXCEPT ALL (%s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', one.name, one.query) INTO n;
    IF n > 0 THEN RETURN NEXT one.name; END IF;
  END LOOP;
END $$;
INSERT INTO a VALUES (7, 1, '{}'), (8, 0, NULL), (9, 2, '{4,5}');
SELECT wrong();
UPDATE a SET val = 3 - val, list = list || 7 WHERE id < 5;
DELETE FROM a WHERE id IN (5, 9);
SELECT wrong();
DROP SCHEMA limits_that_leave_all CASCADE;
RESET client_min_messages;
