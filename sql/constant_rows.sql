-- Rows without a source: VALUES and SELECT without FROM, alone and beside sources.
SET client_min_messages = warning;
CREATE SCHEMA constant_rows;
SET search_path = constant_rows;
CREATE TABLE t (id int PRIMARY KEY, k int, name text);
INSERT INTO t VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, NULL), (4, NULL, 'd');
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('one_row', 'SELECT 1 AS one, ''x'' AS text, NULL::int AS nothing'),
  ('one_row_refused', 'SELECT 1 AS one WHERE 1 > 2'),
  ('list', 'VALUES (1, ''a'', 1.0), (2, NULL, 1.50), (2, NULL, 1.50)'),
  ('counted', 'SELECT count(*) AS n, count(v.y) AS m FROM (VALUES (1, 2), (3, NULL)) v(x, y)'),
  ('counted_unit', 'SELECT count(*) AS n FROM (SELECT) u'),
  ('counted_without_columns', 'SELECT count(*) AS n FROM (SELECT FROM t WHERE k > 0) u'),
  ('operand', 'SELECT 0 AS k, ''none'' AS name UNION ALL SELECT k, name FROM t'),
  ('operand_distinct', 'SELECT k FROM t UNION VALUES (1), (7)'),
  ('cast_up', 'VALUES (1), (2.5) UNION ALL SELECT k FROM t'),
  ('named', 'SELECT t.id, v.word FROM t JOIN (VALUES (1, ''one''), (2, ''two''), (1, ''uno'')) v(k, word) ON v.k = t.k'),
  ('left_of', 'SELECT v.word, t.id FROM (VALUES (1, ''one''), (9, ''nine'')) v(k, word) LEFT JOIN t ON v.k = t.k'),
  ('right_of', 'SELECT t.id, v.word FROM t LEFT JOIN (VALUES (1, ''one''), (9, ''nine'')) v(k, word) ON v.k = t.k'),
  ('both', 'SELECT t.id, v.word FROM t FULL JOIN (VALUES (1, ''one''), (9, ''nine''), (NULL, ''null'')) v(k, word) ON v.k = t.k'),
  ('beside_unit', 'SELECT t.id, u.x FROM t LEFT JOIN (SELECT 5 AS x) u ON t.k > 1'),
  ('crossed', 'SELECT v.x, sum(t.k) AS s FROM t, (VALUES (1), (2)) v(x) GROUP BY v.x'),
  ('nested', 'SELECT w.a FROM (SELECT v.x + 1 AS a FROM (VALUES (1), (2)) v(x) WHERE v.x > 1) w, t'),
  ('global_without_from', 'SELECT sum(1) AS s, max(2) AS m HAVING count(*) = 1');
SELECT pgtrickle.create_stream_table('constant_rows.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
TABLE one_row;
SELECT * FROM list ORDER BY 1;
TABLE global_without_from;
-- refreshed
INSERT INTO t VALUES (5, 9, 'e'), (6, 2, 'f'), (7, NULL, 'g');
SELECT * FROM test.wrong('kept');
UPDATE t SET k = 9 WHERE id = 1;
DELETE FROM t WHERE id IN (2, 5, 7);
SELECT * FROM test.wrong('kept');
DELETE FROM t;
SELECT * FROM test.wrong('kept');
INSERT INTO t VALUES (1, 1, 'again');
SELECT * FROM test.wrong('kept');

-- a_stream_table_that_reads_no_source_has_nothing_to_refresh
SELECT action, rows_inserted FROM pgtrickle.get_refresh_history('constant_rows.list') ORDER BY refresh_id DESC LIMIT 2;
SELECT staleness FROM pgtrickle.pgt_status() WHERE name = 'constant_rows.list';
SELECT pgtrickle.create_stream_table('constant_rows.automatic', 'SELECT 2 AS two', '0s') \g /dev/null
TABLE automatic;
-- its_columns_are_checked_as_any_others
SELECT pgtrickle.create_stream_table('constant_rows.clock', 'SELECT now() AS at', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('constant_rows.dice', 'VALUES (random())', '520w', 'DIFFERENTIAL');
DROP SCHEMA constant_rows CASCADE;
