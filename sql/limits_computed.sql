-- LIMIT and OFFSET by a subquery, or by a column of an outer row.
SET client_min_messages = warning;
CREATE SCHEMA limits_computed;
SET search_path = limits_computed;
CREATE TABLE a (id int PRIMARY KEY, k int, v int);
CREATE TABLE b (id int PRIMARY KEY, k int, w int);
INSERT INTO a SELECT g, nullif(g % 7, 3), g % 5 FROM generate_series(1, 20) g;
INSERT INTO b SELECT g, nullif(g % 6, 4), g % 4 FROM generate_series(1, 15) g;
CREATE TABLE setting (rows int, skipped int);
INSERT INTO setting VALUES (5, 2);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('half', 'SELECT id, v FROM a ORDER BY v DESC, id LIMIT (SELECT count(*) / 2 FROM b)'),
  ('a_page', 'SELECT id, v FROM a ORDER BY v NULLS FIRST, id LIMIT (SELECT rows FROM setting) OFFSET (SELECT skipped FROM setting)'),
  ('later_page', 'SELECT id FROM a ORDER BY id LIMIT 4 OFFSET (SELECT skipped FROM setting) * 2'),
  ('skipping', 'SELECT id FROM a ORDER BY id OFFSET (SELECT max(w) FROM b)'),
  ('with_ties', 'SELECT id, v FROM a ORDER BY v OFFSET (SELECT skipped FROM setting) FETCH FIRST (SELECT rows FROM setting) ROWS WITH TIES'),
  ('of_groups', 'SELECT v, count(*) AS n FROM a GROUP BY v ORDER BY 2 DESC, 1 LIMIT (SELECT greatest(rows - 2, 0) FROM setting)'),
  ('of_distinct', 'SELECT DISTINCT v FROM a ORDER BY v LIMIT (SELECT rows FROM setting)'),
  ('of_union', 'SELECT id, v FROM a UNION SELECT id, w FROM b ORDER BY 2, 1 LIMIT (SELECT rows FROM setting) OFFSET 1'),
  ('beside', 'SELECT a.id, q.* FROM a, LATERAL (SELECT b.id AS b, b.w FROM b WHERE b.k = a.k ORDER BY b.w, b.id LIMIT a.v) q'),
  ('beside_skipping', 'SELECT a.id, q.* FROM a LEFT JOIN LATERAL (SELECT b.id AS b FROM b WHERE b.k <> a.k ORDER BY b.id LIMIT 3 OFFSET a.v + 1) q ON true'),
  ('beside_with_ties', 'SELECT a.id, ARRAY(SELECT b.w FROM b WHERE b.k = a.k ORDER BY b.w FETCH FIRST (a.v) ROWS WITH TIES) AS r FROM a'),
  ('beside_by_count', 'SELECT a.id, ARRAY(SELECT b.id FROM b WHERE b.k = a.k ORDER BY b.id DESC LIMIT (SELECT count(*) FROM a c WHERE c.v = a.v AND c.id < a.id)) AS r FROM a'),
  ('beside_union', 'SELECT a.id, (SELECT sum(w) FROM (SELECT w FROM b WHERE b.k = a.k UNION ALL SELECT a.v ORDER BY 1 LIMIT a.v) q) AS s FROM a'),
  ('exists', 'SELECT a.id FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k ORDER BY b.id OFFSET a.v - 1)'),
  ('by_cte', 'WITH c AS (SELECT count(*) AS n FROM b WHERE w > 1) SELECT id FROM a ORDER BY id DESC LIMIT (SELECT n FROM c)'),
  ('under_count', 'SELECT count(*) AS n, sum(id) AS s FROM (SELECT id FROM a ORDER BY id LIMIT (SELECT rows FROM setting)) q');
UPDATE a SET v = 1 WHERE v = 0;
SELECT pgtrickle.create_stream_table('limits_computed.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
TABLE a_page ORDER BY v NULLS FIRST, id;
-- the_limit_changes
UPDATE setting SET rows = rows + 2, skipped = 3;
DELETE FROM b WHERE id % 4 = 0;
SELECT * FROM test.wrong('kept');
-- rows_change
UPDATE a SET v = v + 1 WHERE id % 3 = 0;
DELETE FROM a WHERE id IN (1, 2, 8);
INSERT INTO a VALUES (100, 1, NULL), (101, NULL, 3), (0, 2, 2);
INSERT INTO b VALUES (100, 1, 0), (101, 2, NULL), (102, 2, 0);
SELECT * FROM test.wrong('kept');
-- the_limit_is_null
UPDATE setting SET rows = NULL, skipped = NULL;
SELECT * FROM test.wrong('kept');
-- the_limit_is_zero
UPDATE setting SET rows = 0, skipped = 0;
UPDATE a SET v = 1 WHERE v > 3;
SELECT * FROM test.wrong('kept');
SELECT (SELECT count(*) FROM a_page) AS page, (SELECT count(*) FROM with_ties) AS ties;
-- the_limit_has_no_row
DELETE FROM setting;
DELETE FROM b;
SELECT * FROM test.wrong('kept');
-- the_limit_is_negative
\set VERBOSITY terse
INSERT INTO setting VALUES (-1, 0);
SELECT pgtrickle.refresh_stream_table('limits_computed.a_page');
UPDATE setting SET rows = 1, skipped = -1;
SELECT pgtrickle.refresh_stream_table('limits_computed.a_page');
\set VERBOSITY default
-- it_is_filled_again
UPDATE setting SET rows = 3, skipped = 9223372036854775807 - 9223372036854775806;
INSERT INTO b SELECT g, g % 5, g % 6 FROM generate_series(1, 20) g;
SELECT * FROM test.wrong('kept');
DELETE FROM a;
SELECT * FROM test.wrong('kept');
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('limits_computed.' || name) WHERE name <> 'a_page' AND action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA limits_computed CASCADE;
