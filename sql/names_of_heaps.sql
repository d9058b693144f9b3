/* Columns of sources may have the names that the columns of heaps cannot have, as the system column tableoid has. */
SET client_min_messages = warning;
CREATE SCHEMA names_of_heaps;
SET search_path = names_of_heaps;
CREATE TABLE parent (k int, t text, v numeric);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE hashed (k int, v int, pgt_hash int);
INSERT INTO parent SELECT g % 3, g % 5, g % 7 FROM generate_series(1, 10) g;
INSERT INTO child SELECT g % 3, g % 5, g % 7 FROM generate_series(1, 10) g;
INSERT INTO hashed SELECT g % 3, g % 4, g FROM generate_series(1, 20) g;
CREATE TABLE queries (name text, query text);
INSERT INTO queries VALUES
  ('windows_of_only', 'SELECT rank() OVER (PARTITION BY k ORDER BY t), max(k) OVER (PARTITION BY v) FROM ONLY parent'),
  ('windows_and_tableoid', 'SELECT k, max(k) OVER (PARTITION BY v), sum(k) OVER (PARTITION BY t) FROM parent WHERE tableoid = ''child''::regclass'),
  ('system_columns', 'SELECT x.k, max(x.k) OVER (PARTITION BY x.v), count(*) OVER (PARTITION BY x.t) FROM ONLY parent x JOIN ONLY parent y ON x.tableoid = y.tableoid AND x.k = y.k'),
  ('windows_of_hash', 'SELECT sum(pgt_hash) OVER (PARTITION BY k), max(pgt_hash) OVER (PARTITION BY v) FROM hashed'),
  ('first_of_hash', 'SELECT k, h FROM (SELECT DISTINCT ON (k) k, pgt_hash AS h FROM hashed ORDER BY k, pgt_hash) x'),
  ('limited_by_hash', 'SELECT k FROM (SELECT k, pgt_hash FROM hashed ORDER BY pgt_hash, k, v LIMIT 3) x'),
  ('recursion', 'WITH RECURSIVE r AS (SELECT k, pgt_hash FROM hashed UNION SELECT r.k + 1, h.pgt_hash FROM r JOIN hashed h ON h.v = r.k) SELECT k FROM r'),
  ('groups', 'SELECT pgt_hash % 3 AS h, sum(pgt_hash) FROM hashed GROUP BY pgt_hash % 3'),
  ('union', 'SELECT max(h) FROM (SELECT pgt_hash AS h FROM hashed UNION SELECT k FROM hashed) x');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM queries \g /dev/null
UPDATE parent SET k = k + 1 WHERE v > 3;
UPDATE hashed SET pgt_hash = pgt_hash + 7 WHERE k = 1;
DELETE FROM hashed WHERE v = 2;
CREATE FUNCTION differing(name text, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
  PERFORM pgtrickle.refresh_stream_table(name);
  EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', name, query) INTO found;
  RETURN found;
END $$;
SELECT name, differing(name, query) FROM queries;

-- names_that_are_as_long_as_a_name_can_be
SELECT repeat('c', 60) || 'd_1' AS long, repeat('ü', 31) || 'x' AS wide \gset
CREATE TABLE one (id int PRIMARY KEY, :"long" int, :"wide" int);
CREATE TABLE other (id int PRIMARY KEY, :"long" int, :"wide" int);
INSERT INTO one SELECT g, g % 3, g % 4 FROM generate_series(1, 10) g;
INSERT INTO other SELECT g, g % 5, g % 2 FROM generate_series(3, 12) g;
TRUNCATE queries;
INSERT INTO queries VALUES
  ('long_windows', format('SELECT a.id, a.%1$I k, b.%1$I l, sum(a.%2$I) OVER (PARTITION BY a.%1$I ORDER BY b.%1$I, a.id), max(b.%2$I) OVER (PARTITION BY b.%1$I) AS m FROM one a LEFT JOIN other b USING (id)', :'long', :'wide')),
  ('wide_windows', format('SELECT a.id, a.%1$I k, b.%1$I l, sum(a.%2$I) OVER (PARTITION BY a.%1$I ORDER BY b.%1$I, a.id), max(b.%2$I) OVER (PARTITION BY b.%1$I) AS m FROM one a LEFT JOIN other b USING (id)', :'wide', :'long')),
  ('long_pairs', format('SELECT a.%1$I, b.%2$I FROM one a FULL JOIN (SELECT DISTINCT x.%1$I, y.%1$I AS %2$I FROM one x JOIN other y USING (id)) b ON a.%1$I = b.%1$I', :'long', :'wide'));
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM queries \g /dev/null
UPDATE one SET :"long" = 2 WHERE id < 5;
DELETE FROM other WHERE id = 4;
SELECT name, differing(name, query) FROM queries;
DROP SCHEMA names_of_heaps CASCADE;
