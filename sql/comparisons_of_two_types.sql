-- Comparisons for which several values of one side are equal, or in another order: by the collation of the other side, or in a time zone.
SET client_min_messages = warning;
CREATE SCHEMA comparisons_of_two_types;
SET search_path = comparisons_of_two_types;
SET timezone = 'Europe/Berlin';
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE a (id int PRIMARY KEY, t text COLLATE folded, tz timestamptz);
CREATE TABLE b (id int PRIMARY KEY, t text, ts timestamp);
CREATE TABLE c (ts timestamp);
CREATE TABLE by_text (t text PRIMARY KEY, v int);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept SELECT 'semi_' || name, format('SELECT a.id FROM a WHERE EXISTS (SELECT FROM b WHERE %s)', test) FROM (VALUES ('collation', 'b.t = a.t'), ('zone', 'a.tz = b.ts')) v(name, test);
INSERT INTO kept SELECT 'anti_' || name, format('SELECT a.id FROM a WHERE NOT EXISTS (SELECT FROM b WHERE %s)', test) FROM (VALUES ('collation', 'b.t = a.t'), ('zone', 'a.tz = b.ts')) v(name, test);
INSERT INTO kept SELECT 'full_' || name, format('SELECT a.id, b.id AS other FROM a FULL JOIN b ON %s', test) FROM (VALUES ('collation', 'b.t = a.t'), ('zone', 'a.tz = b.ts')) v(name, test);
INSERT INTO kept VALUES
  ('not_in', 'SELECT id FROM a WHERE t NOT IN (SELECT t FROM b)'),
  ('numbered', 'SELECT a.id, row_number() OVER (ORDER BY a.id) FROM a JOIN by_text ON a.t = by_text.t'),
  ('later', 'SELECT id FROM a WHERE tz > (SELECT max(ts) FROM c)'),
  ('earlier', 'SELECT id FROM a WHERE (SELECT max(ts) FROM c) >= tz');
INSERT INTO a VALUES (1, 'x', '2024-03-31 01:30+00'), (2, 'y', '2024-03-31 01:15+00');
INSERT INTO b VALUES (10, 'x', '2024-03-31 02:30');
INSERT INTO c VALUES ('2024-03-31 02:30');
INSERT INTO by_text VALUES ('x', 1), ('y', 2);
SELECT pgtrickle.create_stream_table('comparisons_of_two_types.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- filled
SELECT * FROM test.wrong('kept');
-- equal_value_replaced
UPDATE b SET t = 'X', ts = '2024-03-31 03:30';
SELECT * FROM test.wrong('kept');
-- equal_values_added
INSERT INTO b VALUES (11, 'y', NULL), (12, 'Y', '2024-03-31 02:30'), (13, 'x', '2024-03-31 02:30');
INSERT INTO by_text VALUES ('X', 3), ('Y', 4);
SELECT * FROM test.wrong('kept');
-- later_local_time_is_earlier
INSERT INTO c VALUES ('2024-03-31 03:00');
DELETE FROM b WHERE id IN (10, 12);
SELECT * FROM test.wrong('kept');
-- equal_values_removed
DELETE FROM b WHERE id > 11;
DELETE FROM by_text WHERE t IN ('x', 'Y');
SELECT * FROM test.wrong('kept');
RESET timezone;
DROP SCHEMA comparisons_of_two_types CASCADE;
