-- A stream table cannot be changed by DML, and its rows cannot be locked.
CREATE SCHEMA read_refused;
SET search_path = read_refused;
CREATE TABLE sale (id int PRIMARY KEY, region int, qty int);
CREATE TABLE region (k int PRIMARY KEY);
INSERT INTO region VALUES (1);
CREATE FOREIGN TABLE total (k int, n bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT s.region, count(*) FROM sale s JOIN region r ON r.k = s.region GROUP BY s.region', schedule '520w');
CREATE VIEW updatable AS SELECT * FROM total;
INSERT INTO total VALUES (1, 1);
INSERT INTO total SELECT 1, 1 WHERE false;
UPDATE total SET n = 0;
DELETE FROM total WHERE k = 1;
TRUNCATE total;
TRUNCATE region, total;
COPY total FROM '/dev/null';
COPY total TO STDOUT;
INSERT INTO updatable VALUES (1, 1);
UPDATE updatable SET n = 0;
WITH d AS (DELETE FROM total RETURNING *) SELECT * FROM d;
MERGE INTO total t USING region r ON t.k = r.k WHEN MATCHED THEN DELETE;
PREPARE p AS DELETE FROM total;
EXPLAIN DELETE FROM total;
DO $$ BEGIN UPDATE read_refused.total SET n = 1; END $$;
SELECT * FROM total FOR UPDATE;
SELECT * FROM total FOR KEY SHARE;
SELECT r.k FROM region r, total t FOR SHARE;
SELECT * FROM (SELECT * FROM total) t FOR UPDATE;
SELECT * FROM updatable FOR UPDATE;
-- locking_another_table_of_the_join
SELECT r.k FROM region r LEFT JOIN total t USING (k) FOR UPDATE OF r;
-- lock_table
LOCK TABLE total IN ACCESS SHARE MODE;
BEGIN;
LOCK TABLE total, region IN ACCESS SHARE MODE;
SELECT relation::regclass, mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('total'::regclass, 'region'::regclass) ORDER BY 1;
COMMIT;
BEGIN;
LOCK TABLE total IN SHARE MODE;
COMMIT;
SELECT pg_relation_is_updatable('total', true), is_insertable_into FROM information_schema.tables WHERE table_schema = 'read_refused' AND table_name = 'total';
DROP SCHEMA read_refused CASCADE;
