-- A constraint of a parent is not passed on to a stream table: nothing checks its rows, and the planner would rely on it.
SET client_min_messages = warning;
CREATE SCHEMA inherited_constraints;
SET search_path = inherited_constraints, public;
CREATE TABLE src (id int PRIMARY KEY, n int);
INSERT INTO src VALUES (1, 50), (2, 150), (3, NULL);
CREATE TABLE grand (id int, n int);
CREATE TABLE parent () INHERITS (grand);
CREATE TABLE sibling () INHERITS (parent);
SELECT pgtrickle.create_stream_table('st', 'SELECT id, n FROM src', '520w');
ALTER FOREIGN TABLE st INHERIT parent;
-- through_a_parent_or_a_grandparent
ALTER TABLE parent ADD CONSTRAINT small CHECK (n < 100);
ALTER TABLE grand ADD CHECK (n < 100);
ALTER TABLE parent ALTER COLUMN n SET NOT NULL;
ALTER TABLE grand ALTER COLUMN n SET NOT NULL, ADD CONSTRAINT other CHECK (id > 0);
ALTER TABLE parent ADD PRIMARY KEY (id);
ALTER TABLE grand ADD COLUMN added int CHECK (added > 0);
SET constraint_exclusion = partition;
SELECT count(*) FROM parent WHERE n > 100;
SELECT count(*) FROM grand WHERE n IS NULL;
-- constraints_of_the_parent_alone
ALTER TABLE grand ADD CONSTRAINT own CHECK (n < 100) NO INHERIT;
ALTER TABLE ONLY grand ALTER COLUMN n SET NOT NULL;
ALTER TABLE parent ADD UNIQUE (id);
ALTER TABLE sibling ADD CONSTRAINT small CHECK (n < 100), ALTER COLUMN n SET NOT NULL;
ALTER TABLE parent ALTER COLUMN n SET DEFAULT 5, ALTER COLUMN n SET STATISTICS 50;
-- while_it_is_no_child
ALTER TABLE parent ADD CONSTRAINT not_there CHECK (n < 1000);
ALTER FOREIGN TABLE st NO INHERIT parent;
ALTER TABLE parent ADD CONSTRAINT small CHECK (n < 100);
ALTER FOREIGN TABLE st INHERIT parent;
ALTER TABLE parent DROP CONSTRAINT small;
ALTER FOREIGN TABLE st INHERIT parent;
SELECT count(*) FROM parent WHERE n > 100;
-- a_partition
CREATE TABLE root (id int, n int) PARTITION BY LIST (id);
SELECT pgtrickle.create_stream_table('part', 'SELECT id, n FROM src', '520w');
ALTER TABLE root ATTACH PARTITION part DEFAULT;
ALTER TABLE root ADD CONSTRAINT small CHECK (n < 100);
ALTER TABLE root ALTER COLUMN n SET NOT NULL;
ALTER TABLE root ALTER COLUMN n SET DEFAULT 1;
SELECT count(*) FROM root WHERE n > 100;
-- a_source_may_have_them, and_a_table_that_inherits_from_a_stream_table
ALTER TABLE src ADD CONSTRAINT small CHECK (id < 100), ALTER COLUMN id SET NOT NULL;
CREATE TABLE child () INHERITS (st);
ALTER TABLE child ADD CONSTRAINT small CHECK (n < 100);
-- one_that_a_stream_table_has_already_can_be_removed (PostgreSQL 18 knows none without a row in pg_constraint)
SET allow_system_table_mods = on;
UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'st'::regclass AND attname = 'n' AND current_setting('server_version_num')::int < 180000;
RESET allow_system_table_mods;
ALTER FOREIGN TABLE st ALTER COLUMN n DROP NOT NULL;
SELECT attnotnull FROM pg_attribute WHERE attrelid = 'st'::regclass AND attname = 'n';
ALTER FOREIGN TABLE st DROP CONSTRAINT none;
DROP SCHEMA inherited_constraints CASCADE;
RESET constraint_exclusion; RESET client_min_messages;
