-- The first REFRESH of a materialized view in a transaction that has locked a source of a stream table without rows, as
-- when keys are restored in one transaction: the session fills the stream table.
CREATE SCHEMA first_refresh_beside_own_lock;
SET search_path = first_refresh_beside_own_lock, public;
CREATE TABLE item (id int);
INSERT INTO item VALUES (1), (2);
SELECT pgtrickle.create_stream_table('read', 'SELECT id FROM item', '520w', initialize => false);
CREATE MATERIALIZED VIEW view AS SELECT count(*) AS n FROM read WITH NO DATA;
BEGIN;
ALTER TABLE item ADD PRIMARY KEY (id);
REFRESH MATERIALIZED VIEW view;
COMMIT;
SELECT n FROM view;
INSERT INTO item VALUES (3);
SELECT pgtrickle.refresh_stream_table('read');
SELECT count(*) FROM read;
DROP SCHEMA first_refresh_beside_own_lock CASCADE;
