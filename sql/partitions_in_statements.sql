-- Partitions that are attached or detached in a trigger within a statement through the root: rows that were in another
-- partition before reach its stream table.
SET client_min_messages = warning;
CREATE SCHEMA partitions_in_statements;
SET search_path = partitions_in_statements;
CREATE TABLE root (a int, b int) PARTITION BY LIST (a);
CREATE TABLE one PARTITION OF root FOR VALUES IN (1);
CREATE TABLE two PARTITION OF root FOR VALUES IN (2) PARTITION BY LIST (b);
CREATE TABLE two_else PARTITION OF two DEFAULT PARTITION BY LIST (b);
CREATE TABLE two_leaf PARTITION OF two_else DEFAULT;
CREATE TABLE two_four PARTITION OF two FOR VALUES IN (4);
CREATE TABLE two_five (a int, b int);
CREATE TABLE kept (name name, query text);
INSERT INTO kept SELECT 'of_' || name, 'SELECT a, b FROM ' || name FROM unnest('{root,one,two,two_else,two_leaf,two_four,two_five}'::text[]) name;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
CREATE FUNCTION actions() RETURNS TABLE (actions text) LANGUAGE sql AS
  $$ SELECT string_agg(name || ' ' || action, ', ' ORDER BY name) FROM kept, LATERAL pgtrickle.get_refresh_history(name, 1) $$;
CREATE FUNCTION change_tree() RETURNS trigger LANGUAGE plpgsql SET search_path = partitions_in_statements AS
  $$ BEGIN EXECUTE TG_ARGV[0]; RETURN NULL; END $$;
INSERT INTO root VALUES (1, 1), (2, 4), (2, 5), (2, 6);
SELECT * FROM test.wrong('kept');

-- a_partition_is_attached
CREATE TRIGGER changing AFTER DELETE ON one FOR EACH ROW
  EXECUTE FUNCTION change_tree('ALTER TABLE two ATTACH PARTITION two_five FOR VALUES IN (5)');
DELETE FROM root WHERE b IN (1, 5);
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
DROP TRIGGER changing ON one;

-- a_partition_is_detached
INSERT INTO root VALUES (1, 1), (2, 5);
SELECT * FROM test.wrong('kept');
CREATE TRIGGER changing AFTER DELETE ON one FOR EACH ROW EXECUTE FUNCTION change_tree('ALTER TABLE two DETACH PARTITION two_five');
DELETE FROM root WHERE b IN (1, 5);
SELECT * FROM test.wrong('kept');
DROP TRIGGER changing ON one;

-- the_default_partition_is_detached
INSERT INTO root VALUES (1, 1);
SELECT * FROM test.wrong('kept');
CREATE TRIGGER changing AFTER DELETE ON one FOR EACH ROW EXECUTE FUNCTION change_tree('ALTER TABLE two DETACH PARTITION two_else');
DELETE FROM root WHERE b IN (1, 6);
SELECT * FROM test.wrong('kept');
DROP TRIGGER changing ON one;

-- without_a_default_partition_a_new_one_costs_nothing
INSERT INTO root VALUES (1, 1), (2, 4);
SELECT * FROM test.wrong('kept');
CREATE TRIGGER changing AFTER DELETE ON one FOR EACH ROW EXECUTE FUNCTION change_tree('CREATE TABLE two_nine PARTITION OF two FOR VALUES IN (9)');
DELETE FROM root WHERE b IN (1, 4);
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
DROP TRIGGER changing ON one;

-- an_empty_partition_is_attached_or_detached by a statement on itself: a source, or a table without capture
CREATE TABLE ten (a int, b int);
CREATE TABLE eleven (a int, b int);
INSERT INTO kept VALUES ('of_ten', 'SELECT a, b FROM ten');
SELECT pgtrickle.create_stream_table('of_ten', 'SELECT a, b FROM ten', '520w', 'DIFFERENTIAL');
CREATE FUNCTION change_tree(command text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; RETURN 1; END $$;
CREATE FUNCTION change_tree_and_refresh(command text) RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN EXECUTE command; PERFORM pgtrickle.refresh_stream_table('of_root'); RETURN 1; END $$;
INSERT INTO ten SELECT 10, CASE g WHEN 1 THEN change_tree('ALTER TABLE root ATTACH PARTITION ten FOR VALUES IN (10)') ELSE g END
  FROM generate_series(1, 3) g;
SELECT * FROM test.wrong('kept');
INSERT INTO eleven SELECT 11, CASE g WHEN 1 THEN change_tree('ALTER TABLE root ATTACH PARTITION eleven FOR VALUES IN (11)') ELSE g END
  FROM generate_series(1, 3) g;
INSERT INTO eleven SELECT 11, CASE g WHEN 1 THEN change_tree_and_refresh('ALTER TABLE root ATTACH PARTITION eleven FOR VALUES IN (11)')
  ELSE g END FROM generate_series(1, 3) g;
ALTER TABLE root ATTACH PARTITION eleven FOR VALUES IN (11);
INSERT INTO eleven VALUES (11, 1);
SELECT * FROM test.wrong('kept');
-- a_cursor over the attached table changes nothing
CREATE TABLE twelve (a int, b int);
INSERT INTO twelve SELECT 12, g FROM generate_series(1, 3) g;
BEGIN;
DECLARE reading CURSOR FOR SELECT b FROM twelve;
FETCH reading;
ALTER TABLE root ATTACH PARTITION twelve FOR VALUES IN (12);
COMMIT;
SELECT * FROM test.wrong('kept');
TRUNCATE ten, eleven;
SELECT * FROM test.wrong('kept');
INSERT INTO ten SELECT 10, CASE g WHEN 1 THEN change_tree('ALTER TABLE root DETACH PARTITION ten') ELSE g END FROM generate_series(1, 3) g;
SELECT * FROM test.wrong('kept');
INSERT INTO eleven SELECT 11, CASE g WHEN 1 THEN change_tree('ALTER TABLE root DETACH PARTITION eleven') ELSE g END FROM generate_series(1, 3) g;
SELECT * FROM test.wrong('kept');
TRUNCATE ten;
INSERT INTO ten SELECT 10, CASE g WHEN 1 THEN change_tree_and_refresh('ALTER TABLE root ATTACH PARTITION ten FOR VALUES IN (10)') ELSE g END
  FROM generate_series(1, 3) g;
SELECT * FROM test.wrong('kept');
TRUNCATE ten;
SELECT * FROM test.wrong('kept');
INSERT INTO ten SELECT 10, CASE g WHEN 1 THEN change_tree_and_refresh('ALTER TABLE root DETACH PARTITION ten') ELSE g END FROM generate_series(1, 3) g;
SELECT * FROM test.wrong('kept');
DROP SCHEMA partitions_in_statements CASCADE;
