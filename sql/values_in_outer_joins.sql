-- Outer joins with a sub-query in ON that reads one side: every kind of join, with each side and form of the sub-query, at the top,
-- beside a lateral item, and within sub-queries that read columns of the query around them.
SET client_min_messages = warning;
CREATE SCHEMA values_in_outer_joins;
SET search_path = values_in_outer_joins;
CREATE TABLE o (id int PRIMARY KEY);
CREATE TABLE a (o int, k int, v int);
CREATE TABLE b (k int, v int);
CREATE TABLE u (k int, z int);
INSERT INTO o SELECT generate_series(1, 3);
INSERT INTO a SELECT g % 4, g % 3, g % 5 FROM generate_series(1, 12) g;
INSERT INTO b SELECT g % 4, g % 5 FROM generate_series(1, 8) g;
INSERT INTO u SELECT g % 3, g % 5 FROM generate_series(1, 4) g;
CREATE TABLE place (place text, query text);
INSERT INTO place VALUES
  ('top', 'SELECT x.v, y.v AS w FROM a x %s b y ON x.k = y.k AND %s'),
  ('beside', 'SELECT o.id, x.v, y.v AS w FROM o, LATERAL (SELECT * FROM a WHERE a.o = o.id) x %s b y ON x.k = y.k AND %s'),
  ('scalar', 'SELECT o.id, (SELECT count(*) * 10000 + coalesce(sum(x.v), 0) * 100 + coalesce(sum(y.v), 0) FROM (SELECT * FROM a WHERE a.o = o.id) x %s b y ON x.k = y.k AND %s) AS n FROM o'),
  ('lateral', 'SELECT o.id, l.* FROM o, LATERAL (SELECT x.v, y.v AS w FROM (SELECT * FROM a WHERE a.o = o.id) x %s (SELECT * FROM b WHERE b.k <> o.id) y ON x.k = y.k AND %s) l');
CREATE TABLE test (test text, condition text);
INSERT INTO test VALUES
  ('value', 's.v = (SELECT max(u.z) FROM u)'),
  ('correlated', 's.v = (SELECT max(u.z) FROM u WHERE u.k = s.k)'),
  ('mark', '(s.v > 2) = EXISTS (SELECT FROM u WHERE u.z = s.v)'),
  ('any', 's.v = ANY (SELECT u.z FROM u WHERE u.k = s.k)'),
  ('sum', 's.v + 1 = (SELECT min(u.z) FROM u) + s.k'),
  ('two', '(SELECT max(u.z) FROM u WHERE u.k = s.k) = (SELECT max(u.k) FROM u WHERE u.z = s.v)'),
  ('constant', 's.v = 2');
CREATE TABLE kept AS
  SELECT format('%s_%s_%s_%s', lower(kind), place, test, side) AS name, format(query, kind || ' JOIN', replace(condition, 's.', side || '.')) AS query
  FROM place, test, unnest('{LEFT,RIGHT,FULL}'::text[]) kind, unnest('{x,y}'::text[]) side;
INSERT INTO kept SELECT replace(name, 'value', 'outer'), replace(query, 'FROM u)', 'FROM u WHERE u.k = o.id)') FROM kept WHERE name ~ '(scalar|lateral)_value';
INSERT INTO kept SELECT replace(name, 'constant', 'column'), replace(query, '.v = 2', '.v = o.id') FROM kept WHERE name ~ '(scalar|lateral)_constant';
SELECT count(*) AS stream_tables FROM kept;
SELECT pgtrickle.create_stream_table('values_in_outer_joins.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- rows_come
INSERT INTO b VALUES (1, 4), (2, 4), (NULL, 4), (1, NULL);
SELECT * FROM test.wrong('kept');
-- the_values_change
UPDATE u SET z = z + 1;
SELECT * FROM test.wrong('kept');
-- both_sides_change
UPDATE a SET v = v + 1 WHERE o = 1;
UPDATE b SET k = k + 1 WHERE v = 4;
DELETE FROM o WHERE id = 2;
SELECT * FROM test.wrong('kept');
-- there_is_no_value
DELETE FROM u;
SELECT * FROM test.wrong('kept');
-- statements_for_many_rows
CREATE TABLE kept_of_many AS SELECT * FROM kept WHERE name ~ '^(right|full)_(beside|scalar|lateral)_(value|outer|constant)_y';
INSERT INTO u VALUES (1, 3), (2, 4);
INSERT INTO b SELECT g % 500, g % 7 FROM generate_series(1, 3000) g;
SELECT * FROM test.wrong('kept_of_many');
INSERT INTO a SELECT g % 4, g % 500, g % 7 FROM generate_series(1, 6000) g;
SELECT * FROM test.wrong('kept_of_many');
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('values_in_outer_joins.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA values_in_outer_joins CASCADE;
RESET client_min_messages;
