-- Writing to a stream table is refused with the names of its sources only to roles that may read it.
CREATE SCHEMA dml_refusal;
SET search_path = dml_refusal;
CREATE ROLE dml_refusal_stranger;
CREATE ROLE dml_refusal_reader;
CREATE ROLE dml_refusal_writer;
CREATE ROLE dml_refusal_both;
GRANT USAGE ON SCHEMA dml_refusal TO PUBLIC;
CREATE TABLE hidden_source (id int PRIMARY KEY, v int);
CREATE TABLE plain (id int PRIMARY KEY);
GRANT SELECT ON plain TO PUBLIC;
CREATE FOREIGN TABLE total (id int, v int) SERVER pgtrickle OPTIONS (query 'SELECT id, v FROM hidden_source', schedule '520w');
CREATE VIEW over_total AS SELECT * FROM total;
GRANT SELECT ON total TO dml_refusal_reader, dml_refusal_both;
GRANT INSERT, UPDATE, DELETE, TRUNCATE ON total, over_total TO dml_refusal_writer, dml_refusal_both;
-- without_any_privilege
SET ROLE dml_refusal_stranger;
INSERT INTO total VALUES (1, 1);
UPDATE total SET v = 1;
DELETE FROM total;
TRUNCATE total;
COPY total FROM '/dev/null';
\copy total FROM '/dev/null'
INSERT INTO over_total VALUES (1, 1);
WITH d AS (DELETE FROM total RETURNING *) SELECT * FROM d;
EXPLAIN DELETE FROM total;
DO $$ BEGIN UPDATE dml_refusal.total SET v = 1; END $$;
SELECT * FROM total FOR UPDATE;
SELECT * FROM over_total FOR UPDATE;
RESET ROLE;
-- with_select_only
SET ROLE dml_refusal_reader;
INSERT INTO total VALUES (1, 1);
UPDATE total SET v = 1;
DELETE FROM total;
TRUNCATE total;
\copy total FROM '/dev/null'
RESET ROLE;
-- sources_are_not_named_without_select
SET ROLE dml_refusal_writer;
INSERT INTO total VALUES (1, 1);
UPDATE total SET v = 1;
DELETE FROM total;
TRUNCATE total;
\copy total FROM '/dev/null'
DELETE FROM total WHERE id = 1;
DELETE FROM total USING plain;
RESET ROLE;
-- sources_are_named_with_both
SET ROLE dml_refusal_both;
INSERT INTO total VALUES (1, 1);
UPDATE total SET v = 1 WHERE id = 1;
DELETE FROM total;
TRUNCATE total;
\copy total FROM '/dev/null'
RESET ROLE;
-- privileges_of_columns
GRANT INSERT (id) ON total TO dml_refusal_reader;
GRANT UPDATE (id) ON total TO dml_refusal_reader;
SET ROLE dml_refusal_reader;
INSERT INTO total (id) VALUES (1);
INSERT INTO total (id, v) VALUES (1, 1);
UPDATE total SET id = 1;
UPDATE total SET v = 1;
\copy total (id) FROM '/dev/null'
\copy total (id, v) FROM '/dev/null'
RESET ROLE;
-- a_parent_is_what_is_written_to
CREATE TABLE parent (id int, v int);
ALTER FOREIGN TABLE total INHERIT parent;
SET ROLE dml_refusal_stranger;
UPDATE parent SET v = 1;
RESET ROLE;
GRANT UPDATE ON parent TO dml_refusal_stranger;
SET ROLE dml_refusal_stranger;
UPDATE parent SET v = 1;
RESET ROLE;
-- statements_that_no_role_may_execute
SET ROLE dml_refusal_stranger;
LOCK TABLE total;
LOCK TABLE total IN ROW EXCLUSIVE MODE;
CLUSTER total USING total_pkey;
CREATE TRIGGER refused BEFORE INSERT ON total FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;
SET ROLE dml_refusal_reader;
LOCK TABLE total;
CLUSTER total;
CREATE TRIGGER refused BEFORE INSERT ON total FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;
CREATE TRIGGER refused BEFORE INSERT ON total FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CLUSTER total;
SET client_min_messages = error;
DROP SCHEMA dml_refusal CASCADE;
DROP ROLE dml_refusal_stranger, dml_refusal_reader, dml_refusal_writer, dml_refusal_both;
