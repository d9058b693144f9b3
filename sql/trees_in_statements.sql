-- Plain inheritance that changes beside statements and within them, in triggers: sources turn from capture by statements
-- to capture by rows, or back, and no row is lost or logged twice.
SET client_min_messages = warning;
CREATE SCHEMA trees_in_statements;
SET search_path = trees_in_statements;
CREATE TABLE one (k int, v int);
CREATE TABLE other (v int);
CREATE TABLE first () INHERITS (one);
CREATE TABLE kept (name name, query text);
INSERT INTO first VALUES (0, 0);
INSERT INTO kept VALUES ('of_one', 'SELECT k, v FROM one'), ('of_first', 'SELECT k, v FROM first');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
CREATE FUNCTION actions() RETURNS TABLE (actions text) LANGUAGE sql AS
  $$ SELECT string_agg(action, ' ' ORDER BY name) FROM kept, LATERAL pgtrickle.get_refresh_history(name, 1) $$;
CREATE FUNCTION change_tree() RETURNS trigger LANGUAGE plpgsql SET search_path = trees_in_statements AS $$
BEGIN
  IF TG_LEVEL = 'ROW' AND NEW.k < 100 OR pg_trigger_depth() > 1 THEN RETURN NEW; END IF;
  EXECUTE TG_ARGV[0];
  IF TG_WHEN = 'AFTER' OR TG_LEVEL = 'STATEMENT' THEN RETURN NULL; END IF;
  INSERT INTO second VALUES (NEW.k, NEW.v);
  RETURN NULL;
END $$;

-- children_of_one_parent_are_created_as_needed, at no cost
CREATE TRIGGER changing BEFORE INSERT ON one FOR EACH ROW EXECUTE FUNCTION change_tree('CREATE TABLE second () INHERITS (one)');
INSERT INTO one VALUES (1, 11), (2, 12), (100, 13), (3, 14);
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
DROP TABLE second;
SELECT * FROM test.wrong('kept');

-- created_before_the_statement_counts_as_begun
CREATE TRIGGER a_changing BEFORE INSERT ON one EXECUTE FUNCTION change_tree('CREATE TABLE second () INHERITS (one, other)');
INSERT INTO one VALUES (1, 15), (2, 16);
SELECT * FROM test.wrong('kept');
DROP TRIGGER a_changing ON one;
DROP TABLE second;

-- a_child_with_another_parent
CREATE OR REPLACE TRIGGER changing BEFORE INSERT ON one FOR EACH ROW
  EXECUTE FUNCTION change_tree('CREATE TABLE second () INHERITS (one, other)');
INSERT INTO one VALUES (1, 17), (2, 18), (100, 19), (3, 20);
SELECT * FROM test.wrong('kept');
INSERT INTO one VALUES (4, 21);
INSERT INTO second VALUES (5, 22);
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();
DROP TRIGGER changing ON one;

-- dropped_without_rows
TRUNCATE second;
SELECT * FROM test.wrong('kept');
CREATE TRIGGER zz_changing AFTER INSERT ON one FOR EACH ROW EXECUTE FUNCTION change_tree('DROP TABLE second');
INSERT INTO one VALUES (1, 23), (100, 24), (3, 25);
SELECT * FROM test.wrong('kept');
DROP TRIGGER zz_changing ON one;

-- rows_of_a_sibling_that_is_a_source_of_its_own, changed through the parent afterwards
CREATE TABLE second () INHERITS (one, other);
UPDATE one SET v = v + 100;
SELECT * FROM test.wrong('kept');
DROP TABLE second;
UPDATE one SET v = v + 100;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- in_a_statement_on_that_sibling
CREATE TRIGGER changing AFTER INSERT ON first FOR EACH ROW
  EXECUTE FUNCTION change_tree('CREATE TABLE second () INHERITS (one, other)');
INSERT INTO first VALUES (1, 26), (2, 27), (100, 28), (3, 29);
SELECT * FROM test.wrong('kept');
DROP TRIGGER changing ON first;
CREATE TRIGGER zz_changing AFTER INSERT ON first FOR EACH ROW EXECUTE FUNCTION change_tree('DROP TABLE second');
INSERT INTO first VALUES (1, 30), (2, 31), (100, 32), (3, 33);
SELECT * FROM test.wrong('kept');
DROP TRIGGER zz_changing ON first;

-- and_the_parent_gets_a_parent, and_loses_it
CREATE TABLE above (v int);
CREATE TRIGGER changing AFTER INSERT ON first FOR EACH ROW EXECUTE FUNCTION change_tree('ALTER TABLE one INHERIT above');
INSERT INTO first VALUES (1, 34), (100, 35), (3, 36);
SELECT * FROM test.wrong('kept');
DROP TRIGGER changing ON first;
CREATE TRIGGER zz_changing AFTER INSERT ON first FOR EACH ROW EXECUTE FUNCTION change_tree('ALTER TABLE one NO INHERIT above');
INSERT INTO first VALUES (1, 37), (100, 38), (3, 39);
SELECT * FROM test.wrong('kept');
DROP SCHEMA trees_in_statements CASCADE;
