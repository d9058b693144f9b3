-- Texts that are read as dates and times; a text whose meaning depends on the current time is an error of the refresh.
SET client_min_messages = warning;
CREATE SCHEMA texts_of_times;
SET search_path = texts_of_times;
CREATE TABLE t (id int PRIMARY KEY, d text, v varchar(30), b char(10), j jsonb);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('casts', 'SELECT id, d::date AS d, v::timestamp AS t, (v::timestamp(0))::time AS c, b::date AS b FROM t'),
  ('of_json', $$SELECT (j ->> 'at')::timestamptz AS at, count(*) AS n, max((j ->> 'on')::date) AS last FROM t GROUP BY 1$$),
  ('selected', $$SELECT id FROM t WHERE d::date BETWEEN '2024-01-02' AND '2024-02-01' OR (j ->> 'at')::timestamptz > '2024-03-01 00:00+00'$$),
  ('in_subqueries', 'SELECT t.id, (SELECT count(*) FROM t u WHERE u.d::date < t.v::timestamp) AS n FROM t'),
  ('in_windows', 'SELECT id, row_number() OVER (PARTITION BY d::date ORDER BY v::timestamp, id) AS r FROM t');
SELECT pgtrickle.create_stream_table('texts_of_times.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
INSERT INTO t SELECT g, '2024-01-' || g, '2024-01-' || g % 5 + 1 || ' 10:00', '2024-02-0' || g % 3 + 1, jsonb_build_object('at', '2024-03-0' || g % 4 + 1 || 'T12:00:00Z', 'on', '2024-04-1' || g % 3) FROM generate_series(1, 12) g;
INSERT INTO t VALUES (20, NULL, NULL, NULL, NULL), (21, 'epoch', 'infinity', '-infinity', '{"at": "2024-03-05 12:00 Europe/Berlin"}');
SELECT * FROM test.wrong('kept');
SELECT * FROM of_json ORDER BY at;
-- rows_change
UPDATE t SET d = '2024-05-01', v = '2024-01-03 09:30', j = j || '{"at": "2024-06-01T00:00:00+02"}' WHERE id IN (2, 21);
DELETE FROM t WHERE id % 4 = 0;
SELECT * FROM test.wrong('kept');
-- a_text_that_depends_on_the_current_time
INSERT INTO t VALUES (30, ' Today ', '2024-01-01', '2024-01-01', '{}');
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('texts_of_times.casts');
\set VERBOSITY default
UPDATE t SET d = '2024-01-01' WHERE id = 30;
SELECT * FROM test.wrong('kept');
DELETE FROM t;
SELECT * FROM test.wrong('kept');
-- texts_in_arrays_are_not_checked
SELECT pgtrickle.create_stream_table('texts_of_times.in_arrays', 'SELECT id, string_to_array(d, '','')::date[] AS a FROM t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('texts_of_times.in_arrays', 'SELECT id, string_to_array(d, '','')::date[] AS a FROM t', '520w', 'AUTO') \g /dev/null
INSERT INTO t VALUES (1, '2024-02-03');
SELECT pgtrickle.refresh_stream_table('texts_of_times.in_arrays');
SELECT id, a = '{2024-02-03}' AS is_read FROM in_arrays;
DROP SCHEMA texts_of_times CASCADE;
