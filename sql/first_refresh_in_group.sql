-- The first REFRESH of a materialized view whose stream tables are refreshed together with one that reads the view, as
-- when a dump is restored.
CREATE SCHEMA first_refresh_in_group;
SET search_path = first_refresh_in_group, public;
CREATE TABLE item (id int PRIMARY KEY);
INSERT INTO item VALUES (1), (2);
SELECT pgtrickle.create_stream_table('read', 'SELECT id FROM item', '520w', initialize => false);
CREATE MATERIALIZED VIEW view AS SELECT count(*) AS n FROM read WITH NO DATA;
SELECT pgtrickle.create_stream_table('reading', 'SELECT n FROM view', '520w', initialize => false);
SELECT pgtrickle.create_refresh_group('both', ARRAY['read', 'reading']);

-- an_unfilled_stream_table_is_filled
REFRESH MATERIALIZED VIEW view;
SELECT n FROM view;
SELECT n FROM reading;

-- a_stale_one_is_refreshed
REFRESH MATERIALIZED VIEW view WITH NO DATA;
INSERT INTO item VALUES (3);
REFRESH MATERIALIZED VIEW view;
SELECT n FROM view;

DROP SCHEMA first_refresh_in_group CASCADE;
