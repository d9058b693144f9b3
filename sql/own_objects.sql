-- The extension finds its own objects by name, so no role can rename or move them.
SET client_min_messages = warning;
CREATE SCHEMA own_objects;
SET search_path = own_objects;
CREATE TABLE t (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM t', '520w') \g /dev/null
ALTER SCHEMA pgtrickle RENAME TO other;
ALTER SCHEMA pg_trickle_log RENAME TO other;
ALTER SCHEMA pg_trickle_storage RENAME TO other;
ALTER SERVER pgtrickle RENAME TO other;
ALTER FOREIGN DATA WRAPPER pgtrickle_fdw RENAME TO other;
ALTER VIEW pgtrickle.pgt_stream_tables RENAME TO other;
ALTER VIEW pgtrickle.pgt_stream_tables RENAME COLUMN pgt_name TO other;
ALTER VIEW pgtrickle.pgt_stream_tables SET SCHEMA public;
ALTER FUNCTION pgtrickle.refresh_stream_table(text) RENAME TO other;
ALTER FUNCTION pgtrickle.refresh_stream_table(text) SET SCHEMA public;
ALTER EXTENSION pg_trickle SET SCHEMA public;

-- they are where they were
INSERT INTO t VALUES (1);
SET pg_trickle.max_staleness = 0;
SELECT * FROM s;

-- names_of_others_are_theirs
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER x FOREIGN DATA WRAPPER w;
ALTER SERVER x RENAME TO y;
ALTER FOREIGN DATA WRAPPER w RENAME TO v;
ALTER SERVER gone RENAME TO y;
DROP FOREIGN DATA WRAPPER v CASCADE;
DROP SCHEMA own_objects CASCADE;
