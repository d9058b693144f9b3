-- The owner of a source alters it regardless of other owners' stream tables, which are redefined with their own owners' privileges.
SET client_min_messages = warning;
CREATE ROLE source_of_another_owner;
CREATE ROLE source_of_another_reader;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO source_of_another_reader;
CREATE SCHEMA source_of_another AUTHORIZATION source_of_another_owner;
CREATE SCHEMA source_of_another_2 AUTHORIZATION source_of_another_reader;
SET search_path = source_of_another_2, source_of_another;
SET ROLE source_of_another_owner;
CREATE TABLE source_of_another.item (id int PRIMARY KEY, v int);
INSERT INTO item SELECT g, g % 3 FROM generate_series(1, 9) g;
CREATE VIEW source_of_another.seen AS SELECT id, v FROM item;
CREATE FUNCTION source_of_another.next(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
GRANT USAGE ON SCHEMA source_of_another TO source_of_another_reader;
CREATE TABLE source_of_another.plain (id int, unread int);
INSERT INTO plain VALUES (1, 1), (2, 2);
GRANT SELECT ON item, plain, seen TO source_of_another_reader;
SET ROLE source_of_another_reader;
-- Returns the role with whose privileges a row is computed.
CREATE FUNCTION source_of_another_2.by_whom(int) RETURNS text STABLE LANGUAGE sql AS 'SELECT current_user::text';
SELECT pgtrickle.create_stream_table('whole', 'SELECT item, by_whom(id) AS w FROM item', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('by_view', 'SELECT next(v) AS v, count(*) AS n FROM seen GROUP BY 1', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('ids', 'SELECT id FROM plain', '520w') \g /dev/null
CREATE VIEW source_of_another_2.content AS
  SELECT (SELECT count(*) FROM whole) AS whole, (SELECT string_agg(DISTINCT w, ' ') FROM whole) AS w,
    (SELECT string_agg(v || ':' || n, ' ' ORDER BY v) FROM by_view) AS by_view;
GRANT USAGE ON SCHEMA source_of_another_2 TO source_of_another_owner;

-- policies_come_and_go: they apply to the stream table's owner, and not to the owner that the view reads as
SET ROLE source_of_another_owner;
CREATE POLICY few ON item USING (id < 4);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('whole'), pgtrickle.refresh_stream_table('by_view');
TABLE content;
SET ROLE source_of_another_owner;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('whole'), pgtrickle.refresh_stream_table('by_view');
TABLE content;

-- the_view_and_the_function_are_replaced
SET ROLE source_of_another_owner;
CREATE OR REPLACE VIEW source_of_another.seen AS SELECT id, v * 10 AS v FROM item;
CREATE OR REPLACE FUNCTION source_of_another.next(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 2';
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('by_view');
TABLE content;

-- columns_come_and_change_in_the_statement_that_switches_policies
SET ROLE source_of_another_owner;
ALTER TABLE item ADD COLUMN more int, ENABLE ROW LEVEL SECURITY;
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('whole'), pgtrickle.refresh_stream_table('by_view');
SELECT count((item).id) AS whole, count((item).more) AS more FROM whole;
SET ROLE source_of_another_owner;
ALTER TABLE item DISABLE ROW LEVEL SECURITY, ADD COLUMN again text;
ALTER TABLE plain ALTER unread TYPE bigint, ENABLE ROW LEVEL SECURITY;
UPDATE item SET more = 1, again = 'x';
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('whole'), pgtrickle.refresh_stream_table('by_view');
SELECT count((item).id) AS whole, count((item).again) AS again FROM whole;
TABLE content;
SELECT pgtrickle.refresh_stream_table('ids');
SELECT count(*) FROM ids;
-- a_stream_table_that_cannot_be_filled_does_not_keep_the_owner_of_its_source_from_altering_that
SELECT pgtrickle.create_stream_table('single', 'SELECT v AS one, id FROM seen', '520w', 'FULL') \g /dev/null
SET ROLE source_of_another_owner;
DELETE FROM item WHERE id > 3;
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('single') \g /dev/null
CREATE UNIQUE INDEX single_one ON single (one);
SET ROLE source_of_another_owner;
INSERT INTO item (id, v) VALUES (21, 1), (22, 2);
CREATE OR REPLACE VIEW source_of_another.seen AS SELECT id, v FROM item WHERE id > 0;
SELECT count(*) FROM seen;
SET ROLE source_of_another_reader;
\set SHOW_CONTEXT never
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('single');
\set VERBOSITY default
SET ROLE source_of_another_owner;
DELETE FROM item WHERE id > 20;
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('single');
SELECT count(*) FROM single;
-- a_view_reads_another_table: the next refresh sets the stream table up again
CREATE TABLE source_of_another_2.other (id int PRIMARY KEY, v int);
INSERT INTO other VALUES (1, 5), (2, 6);
GRANT SELECT ON other TO source_of_another_owner;
SELECT pgtrickle.create_stream_table('in_full', 'SELECT id, v FROM seen', '520w', 'FULL') \g /dev/null
SET ROLE source_of_another_owner;
CREATE OR REPLACE VIEW source_of_another.seen AS SELECT id, v FROM source_of_another_2.other;
SET ROLE source_of_another_reader;
SELECT property, value FROM pgtrickle.explain_st('in_full') WHERE property IN ('to be reinitialized', 'storage');
SELECT count(*) > 0 AS healthy FROM pgtrickle.health_check();
SET ROLE source_of_another_owner;
BEGIN;
CREATE OR REPLACE VIEW source_of_another.seen AS SELECT id, v + 1 AS v FROM source_of_another_2.other;
ROLLBACK;
SET ROLE source_of_another_reader;
BEGIN;
SET LOCAL pg_trickle.read_mode = exact;
SELECT (SELECT by_view FROM content), (SELECT count(*) FROM in_full) AS in_full;
COMMIT;
SELECT pgtrickle.refresh_stream_table('by_view'), pgtrickle.refresh_stream_table('in_full');
SELECT (SELECT by_view FROM content), (SELECT count(*) FROM in_full) AS in_full;
INSERT INTO other VALUES (3, 6);
SELECT pgtrickle.refresh_stream_table('by_view'), pgtrickle.refresh_stream_table('in_full');
SELECT (SELECT by_view FROM content), (SELECT count(*) FROM in_full) AS in_full;
SELECT source_name FROM pgtrickle.list_sources('by_view');

-- a_query_that_cannot_be_planned_does_not_keep_the_owner_of_its_view_from_replacing_that
CREATE FUNCTION source_of_another_2.raising(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
  $$ BEGIN IF n = 7 THEN RAISE 'seven'; END IF; RETURN n; END $$;
SELECT pgtrickle.create_stream_table('planned', 'SELECT id, raising(v) AS v FROM seen', '520w') \g /dev/null
SET ROLE source_of_another_owner;
CREATE OR REPLACE VIEW source_of_another.seen AS SELECT id, 7 AS v FROM item;
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('planned');
SET ROLE source_of_another_owner;
CREATE OR REPLACE VIEW source_of_another.seen AS SELECT id, 8 AS v FROM item;
SET ROLE source_of_another_reader;
SELECT pgtrickle.refresh_stream_table('planned');
SELECT count(*), min(v), max(v) FROM planned;
RESET ROLE;
DROP SCHEMA source_of_another_2 CASCADE;
DROP SCHEMA source_of_another CASCADE;
DROP OWNED BY source_of_another_owner, source_of_another_reader;
DROP ROLE source_of_another_owner, source_of_another_reader;
