-- Keys of any length: values that are too long for a btree are found, however they come.
CREATE SCHEMA rows_by_long_key;
SET search_path = rows_by_long_key;
SET client_min_messages = warning;
CREATE FUNCTION noise(length int, seed int) RETURNS text IMMUTABLE LANGUAGE sql AS
  $$ SELECT left(string_agg(md5(i::text || '/' || seed), '' ORDER BY i), length) FROM generate_series(0, length / 32) i $$;
CREATE TABLE document (title text PRIMARY KEY, n int, body text);
CREATE TABLE shelf (name text, row int, document text REFERENCES document ON UPDATE CASCADE, PRIMARY KEY (name, row));
CREATE TABLE amount (exact numeric NOT NULL UNIQUE, bytes bytea NOT NULL UNIQUE, data jsonb NOT NULL UNIQUE);
CREATE TABLE old_document (title text PRIMARY KEY, n int);
CREATE TABLE older_document () INHERITS (old_document);
INSERT INTO document SELECT 't' || g, g % 5, repeat('b', g) FROM generate_series(1, 20) g;
INSERT INTO document VALUES ('of a long body', 1, noise(9000, 8)), (repeat('long', 10000), 1, ''), (noise(2600, 1), 2, ''), (noise(2600, 2), NULL, '');
INSERT INTO shelf SELECT 's' || g % 3, g, 't' || g FROM generate_series(1, 20) g;
INSERT INTO shelf VALUES (noise(2600, 3), 1, noise(2600, 1)), (noise(2600, 3), 2, noise(2600, 2)), ('s', 1, repeat('long', 10000));
INSERT INTO amount SELECT g / 8.0, convert_to(noise(g * 100, g), 'UTF8'), jsonb_build_object('n', g) FROM generate_series(1, 20) g;
INSERT INTO old_document SELECT title, n FROM document;
INSERT INTO older_document VALUES (noise(9000, 4), 1), ('t1', 2), ('t1', 2);
CREATE TABLE definition (name text, query text);
INSERT INTO definition VALUES
  ('documents', 'SELECT n, title FROM document WHERE n > 0'),
  ('of_documents', 'SELECT title, n + 1 AS m FROM documents'),
  ('of_shelves', 'SELECT s.name, s.row, d.title, d.n FROM shelf s JOIN document d ON d.title = s.document'),
  ('of_both', 'SELECT s.name, s.row, d.title FROM shelf s JOIN document d ON d.n = s.row'),
  ('on_shelves', 'SELECT title, n FROM document d WHERE EXISTS (SELECT FROM shelf s WHERE s.document = d.title)'),
  ('left_one', 'SELECT s.name, s.row, d.body FROM shelf s LEFT JOIN document d ON d.title = s.document'),
  ('left_many', 'SELECT d.title, s.name, s.row FROM document d LEFT JOIN shelf s ON d.title = s.document'),
  ('numbered', 'SELECT title, rank() OVER (PARTITION BY n ORDER BY title) AS rank FROM document'),
  ('twice', 'SELECT title, n FROM document UNION ALL SELECT title, n FROM document WHERE n = 1'),
  ('bodies', 'SELECT n, body FROM (SELECT body, count(*) AS n FROM document GROUP BY body) g WHERE n > 0'),
  ('of_bodies', 'SELECT body FROM bodies WHERE n < 9'),
  ('distinct_bodies', 'SELECT DISTINCT body FROM document'),
  ('shelves', 'SELECT document, name, row FROM shelf'),
  ('amounts', 'SELECT exact FROM amount'),
  ('amounts_in_bytes', 'SELECT bytes FROM amount'),
  ('amounts_in_data', 'SELECT data FROM amount'),
  ('old_documents', 'SELECT title, n FROM old_document'),
  ('only_old_documents', 'SELECT title, n FROM ONLY old_document');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
CREATE VIEW places AS
SELECT name, substring(pg_get_indexdef(indexrelid) FROM '\(.*\)') AS found_by, pgtrickle.stream_table_key(name) AS key
FROM definition JOIN pg_index ON indrelid = ('pg_trickle_storage.st_' || name::regclass::oid)::regclass
JOIN pg_class c ON c.oid = indexrelid WHERE relname ~ '_(key|pgt_hash_idx)$' ORDER BY name COLLATE "C";
TABLE places;
SELECT * FROM test.wrong('definition');
-- values_and_keys_change
UPDATE document SET title = title || '!', n = n + 1 WHERE n < 3;
UPDATE document SET body = body || 'x' WHERE n = 2;
UPDATE shelf SET name = name || 'x' WHERE row < 3;
UPDATE amount SET exact = exact * 1.00, bytes = bytes || 'x', data = data || '{"m": 1.0}';
UPDATE amount SET data = data || '{"m": 1.00}';
UPDATE older_document SET title = title || 'x' WHERE n = 1;
SELECT * FROM test.wrong('definition');
DELETE FROM shelf WHERE row % 5 = 0;
UPDATE document SET title = CASE title WHEN 't3' THEN 't4 ' ELSE 't3' END WHERE title IN ('t3', 't4');
INSERT INTO document SELECT title || '?', n, noise(9000, 9) FROM document;
SELECT * FROM test.wrong('definition');

-- a transaction that drops a key still reads its own changes
BEGIN;
ALTER TABLE document DROP CONSTRAINT document_pkey CASCADE;
INSERT INTO document VALUES (noise(9000, 5), 1), (noise(9000, 5), 1), ('t5', 7);
SET LOCAL pg_trickle.max_staleness = 0;
SELECT count(*) FROM ((TABLE documents EXCEPT ALL SELECT n, title FROM document WHERE n > 0) UNION ALL
  (SELECT n, title FROM document WHERE n > 0 EXCEPT ALL TABLE documents)) d;
SELECT count(*) FROM ((TABLE of_documents EXCEPT ALL SELECT title, n + 1 FROM document WHERE n > 0) UNION ALL
  (SELECT title, n + 1 FROM document WHERE n > 0 EXCEPT ALL TABLE of_documents)) d;
ROLLBACK;
-- the constraints are dropped
ALTER TABLE document DROP CONSTRAINT document_pkey CASCADE;
ALTER TABLE shelf DROP CONSTRAINT shelf_pkey, ALTER name DROP NOT NULL;
ALTER TABLE amount DROP CONSTRAINT amount_exact_key, DROP CONSTRAINT amount_bytes_key, DROP CONSTRAINT amount_data_key;
INSERT INTO document SELECT noise(9000, 5), 1 FROM generate_series(1, 2) UNION ALL SELECT 't5', 7;
INSERT INTO shelf VALUES (noise(9000, 6), 1), (noise(9000, 6), 1), (NULL, 2);
INSERT INTO amount SELECT exact, convert_to(noise(9000, 7), 'UTF8'), data FROM amount WHERE exact < 1;
SELECT * FROM test.wrong('definition');
TABLE places;
ALTER TABLE document ALTER title DROP NOT NULL;
INSERT INTO document SELECT * FROM document WHERE n = 1;
INSERT INTO document VALUES (NULL, 1);
INSERT INTO older_document SELECT * FROM older_document;
SELECT * FROM test.wrong('definition');
UPDATE document SET n = n + 1 WHERE n = 1;
UPDATE older_document SET n = n + 1;
DELETE FROM document WHERE n = 2;
SELECT * FROM test.wrong('definition');
-- a child with longer values comes
CREATE TABLE other (title text NOT NULL, n int);
INSERT INTO other VALUES (noise(9000, 10), 1), ('t1', 1);
CREATE TABLE parent (title text PRIMARY KEY, n int);
INSERT INTO parent VALUES ('t1', 1);
INSERT INTO definition VALUES ('inherited', 'SELECT title, n FROM parent');
SELECT pgtrickle.create_stream_table('inherited', 'SELECT title, n FROM parent', '520w', 'DIFFERENTIAL');
SELECT found_by FROM places WHERE name = 'inherited';
ALTER TABLE other INHERIT parent;
INSERT INTO other VALUES (noise(9000, 11), 1);
SELECT * FROM test.wrong('definition');
SELECT found_by FROM places WHERE name = 'inherited';
DROP SCHEMA rows_by_long_key CASCADE;
