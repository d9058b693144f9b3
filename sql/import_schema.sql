-- IMPORT FOREIGN SCHEMA makes a stream table of each view and materialized view of a schema.
CREATE SCHEMA import_schema;
CREATE SCHEMA "Import Target";
SET search_path = import_schema;
CREATE TABLE sale (id int PRIMARY KEY, region text, qty int);
INSERT INTO sale SELECT g, 'r' || g % 3, g FROM generate_series(1, 9) g;
CREATE VIEW daily AS SELECT region, sum(qty) AS qty FROM sale GROUP BY region;
CREATE MATERIALIZED VIEW weekly AS SELECT count(*) AS n FROM sale;
CREATE VIEW "A View" ("a column", other) AS SELECT id, region FROM sale WHERE qty > 5;
CREATE MATERIALIZED VIEW empty AS SELECT id FROM sale WITH NO DATA;
IMPORT FOREIGN SCHEMA import_schema LIMIT TO (daily, weekly, "A View") FROM SERVER pgtrickle INTO "Import Target" OPTIONS (schedule '520w', refresh_mode 'DIFFERENTIAL');
SELECT pgt_name, schedule, refresh_mode, defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'Import Target' ORDER BY 1;
INSERT INTO sale VALUES (10, 'r1', 100);
SET pg_trickle.max_staleness = 0;
SELECT * FROM "Import Target".daily ORDER BY region;
SELECT * FROM "Import Target".weekly;
SELECT count("a column") FROM "Import Target"."A View";
-- a_view_is_followed
CREATE OR REPLACE VIEW daily AS SELECT region, sum(qty) * 2 AS qty FROM sale GROUP BY region;
SELECT * FROM "Import Target".daily ORDER BY region;
-- a_materialized_view_can_be_dropped, as its stream table has its query
DROP MATERIALIZED VIEW weekly;
SELECT * FROM "Import Target".weekly;
-- a_name_that_is_no_view
IMPORT FOREIGN SCHEMA import_schema LIMIT TO (dayly, sale) FROM SERVER pgtrickle INTO "Import Target";
-- all_but_some
IMPORT FOREIGN SCHEMA import_schema EXCEPT (daily, "A View") FROM SERVER pgtrickle INTO "Import Target" OPTIONS (schedule '520w');
SELECT pgt_name FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'Import Target' ORDER BY 1;
-- nothing_is_imported_if_one_cannot_be
IMPORT FOREIGN SCHEMA import_schema FROM SERVER pgtrickle INTO import_schema;
SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'import_schema';
-- refused
IMPORT FOREIGN SCHEMA nosuch FROM SERVER pgtrickle INTO "Import Target";
IMPORT FOREIGN SCHEMA import_schema FROM SERVER pgtrickle INTO "Import Target" OPTIONS (query 'SELECT 1');
IMPORT FOREIGN SCHEMA import_schema LIMIT TO (daily) FROM SERVER pgtrickle INTO public OPTIONS (schedul '1m');
-- the_rights_are_those_of_the_role
CREATE ROLE import_schema_reader;
CREATE SCHEMA of_reader AUTHORIZATION import_schema_reader;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO import_schema_reader;
GRANT USAGE ON SCHEMA import_schema TO import_schema_reader;
SET ROLE import_schema_reader;
IMPORT FOREIGN SCHEMA import_schema LIMIT TO (daily) FROM SERVER pgtrickle INTO of_reader;
RESET ROLE;
REVOKE USAGE ON SCHEMA import_schema FROM import_schema_reader;
SET ROLE import_schema_reader;
IMPORT FOREIGN SCHEMA import_schema LIMIT TO (daily) FROM SERVER pgtrickle INTO of_reader;
RESET ROLE;
DROP OWNED BY import_schema_reader;
DROP ROLE import_schema_reader;
SET client_min_messages = warning;
DROP SCHEMA import_schema, "Import Target" CASCADE;
