-- An outer join that a condition above makes inner is maintained as an inner join; a change of one side alone is one term.
SET client_min_messages = warning;
CREATE SCHEMA outer_join_reduction;
SET search_path = outer_join_reduction;
CREATE TABLE a (id int, v int);
CREATE TABLE b (id int, v int);
CREATE TABLE c (id int, v int);
INSERT INTO a SELECT i, i % 4 FROM generate_series(1, 8) i;
INSERT INTO b SELECT i, nullif(i % 3, 0) FROM generate_series(4, 12) i;
INSERT INTO c SELECT i, i % 2 FROM generate_series(6, 9) i;
CREATE TABLE kept (name name, query text);
INSERT INTO kept VALUES
  ('strict_where', 'SELECT a.id, b.v FROM a LEFT JOIN b ON a.id = b.id WHERE b.v > 0'),
  ('lenient_where', 'SELECT a.id, b.v FROM a LEFT JOIN b ON a.id = b.id WHERE coalesce(b.v, 1) > 0'),
  ('is_null', 'SELECT a.id, b.v FROM a LEFT JOIN b ON a.id = b.id WHERE b.id IS NULL'),
  ('full_to_left', 'SELECT a.id, b.v FROM a FULL JOIN b ON a.id = b.id WHERE a.v > 1'),
  ('full_to_right', 'SELECT a.id, b.v FROM a FULL JOIN b ON a.id = b.id WHERE b.v = 2'),
  ('full_to_inner', 'SELECT a.id, b.v FROM a FULL JOIN b ON a.id = b.id WHERE a.v = b.v'),
  ('using_full', 'SELECT id, b.v FROM a FULL JOIN b USING (id) WHERE id > 5'),
  ('by_inner_join_above', 'SELECT a.id, c.v FROM a LEFT JOIN b ON a.id = b.id JOIN c ON c.id = b.id'),
  ('by_left_join_above', 'SELECT c.id, b.v FROM c LEFT JOIN (a LEFT JOIN b ON a.id = b.id) ON c.id = b.id'),
  ('not_by_left_join_above', 'SELECT a.id, c.v FROM (a LEFT JOIN b ON a.id = b.id) LEFT JOIN c ON c.id = b.id'),
  ('by_or', 'SELECT a.id, b.v FROM a LEFT JOIN b ON a.id = b.id WHERE b.v = 1 OR b.id = 7'),
  ('not_by_or', 'SELECT a.id, b.v FROM a LEFT JOIN b ON a.id = b.id WHERE b.v = 1 OR a.id = 2'),
  ('plain_full', 'SELECT a.id, b.id AS b FROM a FULL JOIN b ON a.id = b.id AND a.v < 3'),
  ('plain_right', 'SELECT a.v + 1 AS v, b.id FROM (SELECT id, v * 2 AS v FROM a WHERE v > 0) a RIGHT JOIN b ON a.id = b.id');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- the_resulting_joins
SELECT name, kind FROM kept, LATERAL (SELECT string_agg(m[1], ' ') AS kind FROM regexp_matches(
  (SELECT string_agg(result, ' ') FROM pgtrickle.validate_query(query) WHERE check_name = 'operators'),
  '(left|right|full|inner)? ?join ', 'g') m) j ORDER BY name;

-- each_side_alone
INSERT INTO a VALUES (9, 3), (9, 3), (NULL, 1), (100, 2);
UPDATE a SET v = v + 1 WHERE id IN (1, 5, 7);
DELETE FROM a WHERE id = 4;
SELECT * FROM test.wrong('kept');
INSERT INTO b VALUES (9, 1), (1, 1), (NULL, 2), (101, 2);
UPDATE b SET id = id - 1 WHERE id IN (6, 11);
DELETE FROM b WHERE id = 8;
SELECT * FROM test.wrong('kept');
-- all_at_once
UPDATE a SET id = id + 1 WHERE v = 2;
UPDATE b SET v = 1 WHERE v IS NULL;
DELETE FROM b WHERE id IN (7, 9);
UPDATE c SET id = id - 1;
SELECT * FROM test.wrong('kept');
SELECT name, action FROM kept, LATERAL pgtrickle.get_refresh_history(name, 1) WHERE action <> 'DIFFERENTIAL';
DROP SCHEMA outer_join_reduction CASCADE;
