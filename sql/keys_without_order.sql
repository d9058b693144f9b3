-- Keys of types that are compared and hashed and have no order: look-ups use hash indexes, and so do the proposed ones.
CREATE SCHEMA keys_without_order;
SET search_path = keys_without_order, public;
CREATE DOMAIN number AS xid;
CREATE TABLE t (id int PRIMARY KEY, g int, x xid, n number, v int);
CREATE TABLE u (id int PRIMARY KEY, g int, x xid, n number);
INSERT INTO t SELECT g, g % 3, (g % 5)::text::xid, (g % 4)::text::xid, g % 7 FROM generate_series(1, 30) g;
INSERT INTO u SELECT g, g % 3, (g % 6)::text::xid, (g % 3)::text::xid FROM generate_series(1, 20) g;
INSERT INTO t VALUES (31, NULL, NULL, NULL, NULL);
INSERT INTO u VALUES (31, NULL, NULL, NULL);
CREATE TABLE defined (name text, query text);
INSERT INTO defined VALUES
  ('counts', 'SELECT id, x, (SELECT count(*) FROM u WHERE u.x = t.x) AS n FROM t'),
  ('distinct_joined', 'SELECT d.x, u.id FROM (SELECT DISTINCT x FROM t) d JOIN u ON u.x = d.x'),
  ('pairs_joined', 'SELECT d.x, u.id FROM (SELECT DISTINCT x, g FROM t) d JOIN u ON u.x = d.x AND u.g = d.g'),
  ('domain_counts', 'SELECT id, (SELECT count(*) FROM u WHERE u.n = t.n) AS n FROM t'),
  ('values_kept', 'SELECT id, (SELECT max(u.id) FROM u WHERE u.x = t.x AND u.id > t.v) AS high FROM t'),
  ('extremes', 'SELECT x, n, min(v) AS low, max(v) AS high, stddev(v) AS spread FROM t GROUP BY x, n');

-- created, and the proposed indexes can be created
SELECT pgtrickle.create_stream_table('keys_without_order.' || name, query, '520w', 'DIFFERENTIAL') FROM defined \g /dev/null
CREATE TABLE proposed AS SELECT DISTINCT p.value FROM defined, pgtrickle.explain_st('keys_without_order.' || name) p WHERE p.property = 'missing index';
TABLE proposed ORDER BY value;
DO $$ DECLARE statement text; BEGIN FOR statement IN SELECT value FROM proposed LOOP EXECUTE statement; END LOOP; END $$;
SELECT p.value FROM defined, pgtrickle.explain_st('keys_without_order.' || name) p WHERE p.property = 'missing index';
-- rows_come
INSERT INTO t SELECT g, g % 3, (g % 5)::text::xid, (g % 4)::text::xid, g % 7 FROM generate_series(41, 50) g;
INSERT INTO u SELECT g, g % 3, (g % 6)::text::xid, (g % 3)::text::xid FROM generate_series(41, 44) g;
SELECT * FROM test.wrong('defined');
-- rows_go
DELETE FROM t WHERE id % 3 = 1;
UPDATE u SET x = '2', n = NULL WHERE id % 4 = 1;
SELECT * FROM test.wrong('defined');
SET client_min_messages = warning;
DROP SCHEMA keys_without_order CASCADE;
