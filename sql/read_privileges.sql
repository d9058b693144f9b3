-- A role with SELECT on a stream table or on its columns may read it; no role may read its storage.
CREATE SCHEMA read_privileges;
SET search_path = read_privileges;
CREATE TABLE sale (id int PRIMARY KEY, region int, qty int);
INSERT INTO sale SELECT i, i % 3, i FROM generate_series(1, 9) i;
CREATE FOREIGN TABLE total (k int, s bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT region, sum(qty) FROM sale GROUP BY region', schedule '520w');
CREATE VIEW shown AS SELECT k FROM total;
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA read_privileges TO regress_reader;
SET ROLE regress_reader;
SELECT count(*) FROM total;
EXPLAIN SELECT * FROM total;
SELECT * FROM shown;
BEGIN;
LOCK TABLE total IN ACCESS SHARE MODE;
ROLLBACK;
RESET ROLE;
GRANT SELECT (k) ON total TO regress_reader;
GRANT SELECT ON shown TO regress_reader;
SET ROLE regress_reader;
-- columns_granted
SELECT k FROM total ORDER BY k;
SELECT count(*) FROM total;
SELECT count(k) FROM total;
SELECT s FROM total;
SELECT k FROM total WHERE s > 0;
SELECT total FROM total;
SELECT k FROM shown ORDER BY k;
-- no_way_into_the_storage
DO $$
BEGIN
  EXECUTE format('SELECT * FROM pg_trickle_storage.st_%s', 'read_privileges.total'::regclass::oid);
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE '%', SQLERRM;
END $$;
RESET ROLE;
-- prepared_by_one_run_by_another
PREPARE p AS SELECT sum(s) FROM total;
EXECUTE p;
SET ROLE regress_reader;
EXECUTE p;
RESET ROLE;
DROP SCHEMA read_privileges CASCADE;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;
