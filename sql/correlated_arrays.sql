-- Correlated sub-queries over arrays: of as many dimensions as an array can have, empty ones, NULLs, and domains.
SET client_min_messages = warning;
CREATE SCHEMA correlated_arrays;
SET search_path = correlated_arrays, public;
CREATE DOMAIN some_ints AS int[] CHECK (VALUE <> '{}');
CREATE TABLE t (id int, a int[], n numeric[], x text[] COLLATE "C", d some_ints, v int2vector);
CREATE TABLE u (id int, a int[], n numeric[], x text[] COLLATE "C", d some_ints, v int2vector);
INSERT INTO t VALUES (1, '{1,2}', '{1.0}', '{a}', '{1}', '1 2'), (2, '{}', '{}', '{}', '{{2}}', '1'), (3, NULL, NULL, NULL, NULL, NULL);
INSERT INTO u SELECT * FROM t;
CREATE TABLE definition (name text, query text);
INSERT INTO definition SELECT c || '_' || kind, format(query, c) FROM unnest('{a,n,x,d,v}'::text[]) c, (VALUES
  ('count', 'SELECT id, (SELECT count(*) FROM u WHERE u.%1$s = t.%1$s) AS c FROM t'),
  ('same', 'SELECT id, (SELECT count(*) FROM u WHERE u.%1$s IS NOT DISTINCT FROM t.%1$s AND u.id <= t.id) AS c FROM t'),
  ('lateral', 'SELECT t.id, l.m FROM t LEFT JOIN LATERAL (SELECT max(u.id) AS m FROM u WHERE u.%1$s >= t.%1$s) l ON true')) q (kind, query);
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
SELECT * FROM test.wrong('definition');
-- six_dimensions
INSERT INTO t VALUES (4, '{{{{{{1,2}}}}}}', '{{{{{{1.00}}}}}}', '{{{{{{a}}}}}}', '{{{{{{1}}}}}}', '3');
INSERT INTO u VALUES (5, '{{{{{{1,2}}}}}}', '{{{{{{1.0}}}}}}', '{{{{{{a}}}}}}', '{{{{{{1}}}}}}', '3'), (6, '{1,2}', '{1.00}', '{a}', '{1}', '1 2'), (7, '{}', '{}', '{}', '{1}', '1');
SELECT * FROM test.wrong('definition');
SELECT c FROM a_count WHERE id = 4;
-- NULLs_and_empty_arrays_apart
UPDATE t SET a = NULL, n = NULL, x = NULL, d = NULL, v = NULL WHERE id = 2;
INSERT INTO u VALUES (8), (9); DELETE FROM u WHERE id = 7; INSERT INTO t VALUES (10, '{}', '{}', '{}', '{2}', '');
SELECT * FROM test.wrong('definition');

DROP SCHEMA correlated_arrays CASCADE;
