-- A full refresh takes a time that grows with the rows, not with the square of the number of equal ones.
SET client_min_messages = warning;
CREATE TABLE fer_source (id int PRIMARY KEY, s text);
INSERT INTO fer_source SELECT i, 'a' FROM generate_series(1, 100000) i;
CREATE FOREIGN TABLE fer_full (s text) SERVER pgtrickle OPTIONS (query 'SELECT s FROM fer_source', schedule '520w', refresh_mode 'FULL');
INSERT INTO fer_source SELECT i, 'a' FROM generate_series(100001, 200000) i;
SET statement_timeout = '60s';
\o /dev/null
SELECT pgtrickle.refresh_stream_table('fer_full');
\o
SELECT s, count(*) FROM fer_full GROUP BY s;
-- Equal rows go, and others come.
DELETE FROM fer_source WHERE id % 4 = 0;
UPDATE fer_source SET s = 'b' WHERE id % 4 = 1;
\o /dev/null
SELECT pgtrickle.refresh_stream_table('fer_full');
\o
SELECT s, count(*) FROM fer_full GROUP BY s ORDER BY s;
DROP TABLE fer_source CASCADE;
