-- Inheritance parents, children, and one without the other: each is a source, however its rows are written.
SET client_min_messages = warning;
CREATE SCHEMA source_inheritance;
SET search_path = source_inheritance;
CREATE TABLE parent (gone int, id int, v text);
ALTER TABLE parent DROP COLUMN gone;
CREATE TABLE child (extra int, v text, id int);
ALTER TABLE child INHERIT parent;
CREATE TABLE grandchild (more text) INHERITS (child);
CREATE TABLE other_parent (id int, extra int);
INSERT INTO parent VALUES (1, 'p');
INSERT INTO child VALUES (20, 'c', 2);
INSERT INTO grandchild VALUES (30, 'g', 3, 'x');
CREATE TABLE kept (name name, query text);
INSERT INTO kept VALUES
  ('of_parent', 'SELECT id, v FROM parent'),
  ('of_only_parent', 'SELECT id, v FROM ONLY parent'),
  ('of_child', 'SELECT v, extra, id FROM child'),
  ('of_only_child', 'SELECT extra, count(*) FROM ONLY child GROUP BY extra'),
  ('of_grandchild', 'SELECT more, id, extra FROM grandchild'),
  ('of_places', 'SELECT tableoid::regclass AS place, id FROM parent'),
  ('of_both', 'SELECT a.id, b.v, c.extra FROM parent a LEFT JOIN ONLY parent b ON a.id = b.id LEFT JOIN child c ON c.id = a.id');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- Returns how the stream tables were refreshed.
CREATE FUNCTION actions() RETURNS TABLE (actions text) LANGUAGE sql AS
  $$ SELECT string_agg(action, ' ' ORDER BY name) FROM kept, LATERAL pgtrickle.get_refresh_history(name, 1) $$;

-- written_through_the_parent
INSERT INTO parent VALUES (4, 'p4'), (5, NULL);
UPDATE parent SET v = v || '!' WHERE id < 5;
DELETE FROM parent WHERE id = 2;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- written_directly_to_each_level
INSERT INTO child VALUES (21, 'c1', 6), (22, 'c2', 7);
INSERT INTO grandchild VALUES (31, 'g1', 8, 'y');
UPDATE child SET extra = extra + 1;
UPDATE ONLY child SET v = 'only' WHERE id = 6;
UPDATE ONLY parent SET id = id + 10;
DELETE FROM grandchild WHERE id = 3;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- an_update_of_a_column_that_the_parent_lacks_changes_the_child_only
UPDATE grandchild SET more = 'z';
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- everything_in_one_transaction, with parts undone
BEGIN;
INSERT INTO grandchild SELECT i, 'many', i, 'm' FROM generate_series(100, 140) i;
SAVEPOINT s;
DELETE FROM parent;
ROLLBACK TO s;
DELETE FROM parent WHERE id % 2 = 0;
WITH moved AS (DELETE FROM ONLY child RETURNING *) INSERT INTO grandchild SELECT *, 'moved' FROM moved;
MERGE INTO parent p USING (VALUES (101), (500)) AS s (i) ON p.id = s.i
  WHEN MATCHED THEN UPDATE SET v = 'merged' WHEN NOT MATCHED THEN INSERT (id, v) VALUES (i, 'new');
COMMIT;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- a_child_created_later_is_captured_and_costs_no_fill
CREATE TABLE late (note text) INHERITS (parent);
INSERT INTO late VALUES (700, 'late', 'n');
UPDATE parent SET v = 'touched' WHERE id = 700;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- a_second_parent_captures_its_writes_too
ALTER TABLE child INHERIT other_parent;
SELECT * FROM test.wrong('kept');
INSERT INTO child VALUES (50, 'two', 800);
UPDATE other_parent SET id = id + 1, extra = 51 WHERE id = 800;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
SELECT pgtrickle.create_stream_table('of_other', 'SELECT id, extra FROM other_parent', '520w', 'DIFFERENTIAL');
INSERT INTO kept VALUES ('of_other', 'SELECT id, extra FROM other_parent');
DELETE FROM parent WHERE id = 801;
DELETE FROM other_parent WHERE id = 800;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- changes_that_no_trigger_sees: each reinitialises the stream tables that had the rows
ALTER TABLE child NO INHERIT other_parent;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
TRUNCATE ONLY grandchild;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
INSERT INTO late VALUES (701, 'late', 'n');
ALTER TABLE late NO INHERIT parent;
INSERT INTO late VALUES (702, 'alone', 'n');
SELECT * FROM test.wrong('kept');
ALTER TABLE late INHERIT parent;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
DROP TABLE late;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- columns_renamed_and_changed_in_all_levels
ALTER TABLE parent RENAME COLUMN v TO w;
UPDATE kept SET query = replace(query, 'v', 'w AS v') WHERE name IN ('of_parent', 'of_only_parent', 'of_child');
UPDATE kept SET query = replace(query, 'b.v', 'b.w') WHERE name = 'of_both';
INSERT INTO grandchild VALUES (1, 'renamed', 900, 'r');
UPDATE parent SET w = w || '?';
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

DROP SCHEMA source_inheritance CASCADE;
