-- A result has one column less than a table may have; what is kept beside it counts in modes that keep states.
\set ECHO none
\set VERBOSITY default
SELECT 'CREATE TABLE wide (id int PRIMARY KEY, g int, ' || string_agg(format('c%s int', i), ', ') || ')' FROM generate_series(1, 1597) i \gexec
\set ECHO all
INSERT INTO wide (id, g, c1, c2) SELECT i, i % 3, i, i FROM generate_series(1, 10) i;
-- sum() keeps the number of values beside each sum.
CREATE FUNCTION sums(from_column int, to_column int) RETURNS text LANGUAGE sql
  RETURN (SELECT 'SELECT g, ' || string_agg(format('sum(c%s) AS s%s', i, i), ', ') || ' FROM wide GROUP BY g' FROM generate_series(from_column, to_column) i);
SELECT pgtrickle.create_stream_table('by_deltas', sums(1, 798), '1d', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('refused', sums(1, 799), '1d', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_full_refreshes', sums(1, 799), '1d');
INSERT INTO wide (id, g, c1) VALUES (11, 1, 100);
SELECT pgtrickle.refresh_stream_table('by_deltas');
SELECT pgtrickle.refresh_stream_table('by_full_refreshes');
SELECT g, d.s1, f.s1 FROM by_deltas d JOIN by_full_refreshes f USING (g) ORDER BY g;
-- All columns of a table with a key and one column less than it may have.
SELECT pgtrickle.create_stream_table('all_columns', 'SELECT * FROM wide', '1d', 'DIFFERENTIAL');
SELECT count(*), sum(c1) FROM all_columns;
-- With one more it is refused, in any mode.
SELECT format('SELECT %s', string_agg(format('%s AS c%s', i, i), ', ')) AS query FROM generate_series(1, 1600) i \gset
SELECT pgtrickle.create_stream_table('too_wide', :'query', '1d');
SELECT pgtrickle.create_stream_table('too_wide', :'query', '1d', 'FULL');
-- Rows of more columns than a function has arguments are changed by deltas.
\set ECHO none
SELECT 'CREATE TABLE many (id int PRIMARY KEY, p int, amount numeric, ' || string_agg(format('c%s int', i), ', ') || ')' FROM generate_series(1, 120) i \gexec
\set ECHO all
INSERT INTO many (id, p, amount, c1, c120) SELECT i, i % 3, i, i, i FROM generate_series(1, 300) i;
CREATE TABLE only_integers AS SELECT * FROM many;
ALTER TABLE only_integers DROP amount, ADD PRIMARY KEY (id);
CREATE TABLE many_kept (name text, query text);
INSERT INTO many_kept VALUES
  ('many_lagged', 'SELECT *, lag(amount) OVER (PARTITION BY p ORDER BY id) AS previous FROM many'),
  ('many_numbered', 'SELECT *, row_number() OVER (ORDER BY id) AS number FROM many'),
  ('many_reached', 'WITH RECURSIVE r AS (SELECT *, 1 AS depth FROM only_integers WHERE id < 50 UNION SELECT t.*, depth + 1 FROM only_integers t JOIN r ON t.id = r.id + 100) TABLE r'),
  ('many_derived', 'WITH RECURSIVE r AS (SELECT *, 1 AS depth FROM many WHERE id < 50 UNION ALL SELECT t.*, depth + 1 FROM many t JOIN r ON t.id = r.id + 100) TABLE r');
SELECT pgtrickle.create_stream_table(name, query, '1d', 'DIFFERENTIAL') FROM many_kept;
DELETE FROM only_integers WHERE id IN (5, 150);
UPDATE many SET amount = 10.0, c120 = 7 WHERE id = 10;
UPDATE many SET amount = 11.0 WHERE id = 11;
DELETE FROM many WHERE id = 20;
SELECT * FROM test.wrong('many_kept', true);
INSERT INTO only_integers (id, p) VALUES (150, 1);
INSERT INTO many (id, p) VALUES (1000, 1);
UPDATE many SET c120 = c120 + 1 WHERE id = 110;
SELECT * FROM test.wrong('many_kept', true);
SELECT pgt_name, was_full_fallback, count(*) FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE pgt_name LIKE 'many%' GROUP BY 1, 2 ORDER BY 1, 2;
-- A row of values has the hashes and images of the values.
SELECT pgtrickle.image(1, 'a'::text, NULL::int) = pgtrickle.image(ROW(1, 'a'::text, NULL::int)) AS image, pgtrickle.key_hash(1.0, 'a'::text) = pgtrickle.key_hash(ROW(1.00, 'a'::text)) AS key_hash,
  pgtrickle.image_hash(1.0, 'a'::text) = pgtrickle.image_hash(ROW(1.0, 'a'::text)) AS image_hash, pgtrickle.row_image(NULL::int, 2) = pgtrickle.row_image(ROW(NULL::int, 2)) AS row_image;
-- Records of a call may have different types.
CREATE FUNCTION record_of(i int) RETURNS record LANGUAGE plpgsql AS $$ BEGIN IF i = 1 THEN RETURN ROW(1, 'a'::text); END IF; RETURN ROW('b'::text, 2, 3); END $$;
SELECT pgtrickle.image(record_of(i)) = CASE i WHEN 1 THEN pgtrickle.image(1, 'a'::text) ELSE pgtrickle.image('b'::text, 2, 3) END AS is_image FROM generate_series(1, 2) i;
DROP FUNCTION record_of;
DROP FOREIGN TABLE many_lagged, many_numbered, many_reached, many_derived;
DROP TABLE many, only_integers, many_kept;
DROP FOREIGN TABLE by_deltas, by_full_refreshes, all_columns;
DROP TABLE wide;
DROP FUNCTION sums;
