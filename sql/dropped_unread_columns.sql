-- A column that a change log still has, and no stream table reads any more, can be dropped: writers go on, and the stream
-- tables follow.
SET client_min_messages = warning;
CREATE SCHEMA dropped_unread_columns;
SET search_path = dropped_unread_columns;
SET pg_trickle.read_mode = exact;
CREATE TABLE s (id int PRIMARY KEY, a int, b int);
INSERT INTO s VALUES (1, 1, 1), (2, 2, 2);
SELECT pgtrickle.create_stream_table('wide', 'SELECT id, a, b FROM s', '520w');
SELECT pgtrickle.create_stream_table('narrow', 'SELECT id, a FROM s', '520w');
DROP FOREIGN TABLE wide;
ALTER TABLE s DROP COLUMN b;
INSERT INTO s VALUES (3, 3);
UPDATE s SET a = a + 10 WHERE id = 1;
SELECT * FROM narrow ORDER BY id;
SELECT pgtrickle.refresh_stream_table('narrow');
TABLE narrow ORDER BY id;
-- the query is altered; the drop and a write are in one transaction
CREATE TABLE altered (id int PRIMARY KEY, a int, b int);
SELECT pgtrickle.create_stream_table('of_altered', 'SELECT id, a, b FROM altered', '520w');
ALTER FOREIGN TABLE of_altered OPTIONS (SET query 'SELECT id, a FROM altered');
BEGIN;
ALTER TABLE altered DROP COLUMN b;
INSERT INTO altered VALUES (1, 1);
COMMIT;
SELECT * FROM of_altered;
-- with its type; an added column of the dropped one's name is another one
CREATE TYPE mood AS ENUM ('x');
CREATE TABLE typed (id int PRIMARY KEY, a int, m mood);
SELECT pgtrickle.create_stream_table('of_typed', 'SELECT id, a, m FROM typed', '520w');
ALTER FOREIGN TABLE of_typed OPTIONS (SET query 'SELECT id, a FROM typed');
DROP TYPE mood CASCADE;
INSERT INTO typed VALUES (1, 1);
ALTER TABLE typed ADD COLUMN m int DEFAULT 7;
INSERT INTO typed VALUES (2, 2, 2);
SELECT * FROM of_typed ORDER BY id;
-- a root and its partitions, whose columns have other numbers; an inheritance child
CREATE TABLE root (id int, a int, b int) PARTITION BY LIST (id);
CREATE TABLE leaf (gone int, b int, a int, id int);
ALTER TABLE leaf DROP COLUMN gone;
ALTER TABLE root ATTACH PARTITION leaf FOR VALUES IN (1, 2, 3);
SELECT pgtrickle.create_stream_table('of_root', 'SELECT id, a, b FROM root', '520w');
ALTER FOREIGN TABLE of_root OPTIONS (SET query 'SELECT id, a FROM root');
ALTER TABLE root DROP COLUMN b;
INSERT INTO root VALUES (1, 1);
INSERT INTO leaf (id, a) VALUES (2, 2);
UPDATE root SET a = a + 10;
SELECT * FROM of_root ORDER BY id;
CREATE TABLE parent (id int, a int, b int);
CREATE TABLE child (c int) INHERITS (parent);
SELECT pgtrickle.create_stream_table('of_parent', 'SELECT id, a, b FROM parent', '520w');
ALTER FOREIGN TABLE of_parent OPTIONS (SET query 'SELECT id, a FROM parent');
ALTER TABLE parent DROP COLUMN b;
INSERT INTO child VALUES (1, 1, 1);
INSERT INTO parent VALUES (2, 2);
UPDATE parent SET a = a + 10;
SELECT * FROM of_parent ORDER BY id;
SELECT name, pgtrickle.refresh_stream_table(name) FROM unnest('{narrow,of_altered,of_typed,of_root,of_parent}'::text[]) name;
RESET pg_trickle.read_mode;
SELECT 'narrow', count(*), sum(a) FROM narrow UNION ALL SELECT 'of_altered', count(*), sum(a) FROM of_altered
  UNION ALL SELECT 'of_typed', count(*), sum(a) FROM of_typed UNION ALL SELECT 'of_root', count(*), sum(a) FROM of_root
  UNION ALL SELECT 'of_parent', count(*), sum(a) FROM of_parent;
DROP SCHEMA dropped_unread_columns CASCADE;
