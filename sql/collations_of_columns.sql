-- The collation of a column of a subquery or view is implicit, whatever expression computes it.
SET client_min_messages = warning;
CREATE SCHEMA collations_of_columns;
SET search_path = collations_of_columns;
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE t (id int PRIMARY KEY, x text, w text COLLATE folded, p text COLLATE "POSIX");
CREATE VIEW v AS SELECT id, x COLLATE "C" AS y FROM t;
CREATE VIEW q AS SELECT id, x COLLATE "default" AS y, x, w, p FROM t;
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('by_filter', 'SELECT id FROM q WHERE y = w'),
  ('by_clause', 'SELECT id FROM v WHERE y < ''b'' COLLATE "POSIX"'),
  ('by_function', 'SELECT id, length(y || w || p) AS n FROM (SELECT id, x COLLATE "C" AS y, w COLLATE "POSIX" AS w, p FROM t) s'),
  ('by_join', 'SELECT q.id, t.id AS other FROM q JOIN t ON q.y = t.w'),
  ('by_left_join', 'SELECT q.id, t.id AS other FROM q LEFT JOIN t ON q.y = t.w'),
  ('by_semi_join', 'SELECT id FROM q WHERE EXISTS (SELECT FROM t WHERE t.w = q.y)'),
  ('by_lateral', 'SELECT id FROM t, LATERAL (SELECT t.x COLLATE "default" AS y) s WHERE y = w'),
  ('by_case', 'SELECT id FROM (SELECT id, CASE WHEN id > 1 THEN x COLLATE "default" ELSE x END AS y, w FROM t) s WHERE y = w'),
  ('by_failing', 'SELECT id FROM (SELECT id, substr(x, 1, id) COLLATE "default" AS y, w FROM t) s WHERE y = w'),
  ('by_union', 'SELECT id FROM (SELECT id, y, w FROM q UNION ALL SELECT id, x, w FROM t) s WHERE y = w'),
  ('by_group', 'SELECT p, length(m || n) AS l FROM (SELECT p, max(x) COLLATE "C" AS m, max(p) COLLATE "POSIX" AS n FROM t GROUP BY p) s'),
  ('by_filter_of_groups', 'SELECT * FROM (SELECT y, w, count(*) FROM q GROUP BY y, w) s WHERE y = w'),
  ('by_window', 'SELECT id, sum(length(y || p)) OVER (ORDER BY id) FROM (SELECT id, repeat(x, id) COLLATE "C" AS y, repeat(p, 1) COLLATE "POSIX" AS p FROM t) s'),
  ('by_elements', 'SELECT id, count(*) OVER (PARTITION BY x = ANY (ys)) AS n FROM (SELECT id, x, string_to_array(p, ''r'') COLLATE "C" AS ys FROM t) s'),
  ('indeterminate', 'SELECT id FROM (SELECT id, w || p AS c, w FROM t) s WHERE c = w'),
  ('padded', 'SELECT t.id, length(coalesce(l.y, m.p)) AS n FROM t LEFT JOIN v l ON l.id = t.id + 1 LEFT JOIN t m ON m.id = t.id + 2');
INSERT INTO t VALUES (1, 'a', 'A', ''), (2, 'a', 'b', 'r');
SELECT pgtrickle.create_stream_table('collations_of_columns.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- filled
SELECT * FROM test.wrong('kept');
SELECT (SELECT array_agg(id) FROM by_filter) AS filtered, (SELECT array_agg(id ORDER BY id) FROM by_semi_join) AS semi_joined;
-- rows_added
INSERT INTO t VALUES (3, 'b', 'B', 's'), (4, 'c', 'd', '');
SELECT * FROM test.wrong('kept');
-- rows_changed
UPDATE t SET x = upper(x) WHERE id < 3;
DELETE FROM t WHERE id = 4;
SELECT * FROM test.wrong('kept');
DROP SCHEMA collations_of_columns CASCADE;
