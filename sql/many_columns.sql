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
DROP FOREIGN TABLE by_deltas, by_full_refreshes, all_columns;
DROP TABLE wide;
DROP FUNCTION sums;
