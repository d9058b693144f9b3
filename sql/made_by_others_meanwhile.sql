-- A role that is not the owner reads stream tables in the transaction that makes them and their sources. Nothing is captured
-- before the transaction ends, as the owner of the stream tables does not own the sources.
SET client_min_messages = warning;
CREATE ROLE regress_mbo_owner;
CREATE ROLE regress_mbo_reader;
BEGIN;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO regress_mbo_owner;
CREATE SCHEMA mbo;
CREATE SCHEMA mbo_owned AUTHORIZATION regress_mbo_owner;
GRANT USAGE ON SCHEMA mbo TO regress_mbo_owner, regress_mbo_reader;
CREATE TABLE mbo.t (id int PRIMARY KEY, k int, day date);
INSERT INTO mbo.t SELECT i, i % 3, date '2024-01-01' + i FROM generate_series(1, 9) i;
GRANT SELECT ON mbo.t TO regress_mbo_owner;
SET ROLE regress_mbo_owner;
CREATE FOREIGN TABLE mbo_owned.by_k () SERVER pgtrickle OPTIONS (schedule '0s', query 'SELECT k, count(*) AS n FROM mbo.t GROUP BY k');
CREATE FOREIGN TABLE mbo_owned.by_day () SERVER pgtrickle OPTIONS (schedule '1s', query 'SELECT day, count(*) AS n FROM mbo.t GROUP BY day');
CREATE FOREIGN TABLE mbo_owned.above () SERVER pgtrickle OPTIONS (schedule '0s', query 'SELECT k FROM mbo_owned.by_k WHERE n > 2');
GRANT USAGE ON SCHEMA mbo_owned TO regress_mbo_reader;
GRANT SELECT ON mbo_owned.by_k, mbo_owned.by_day, mbo_owned.above TO regress_mbo_reader;
SET ROLE regress_mbo_reader;
CREATE TEMP TABLE seen AS SELECT k, (SELECT sum(n) FROM mbo_owned.by_day) AS n FROM mbo_owned.by_k;
SELECT * FROM seen ORDER BY k;
SELECT * FROM mbo_owned.above ORDER BY k;
RESET ROLE;
INSERT INTO mbo.t VALUES (10, 3, '2024-02-01');
SET ROLE regress_mbo_reader;
SELECT * FROM mbo_owned.by_k ORDER BY k;
RESET ROLE;
-- and when the rows are written again
ALTER TABLE mbo.t ALTER COLUMN day TYPE timestamptz;
ALTER TABLE mbo.t ADD COLUMN u uuid DEFAULT gen_random_uuid();
UPDATE mbo.t SET k = 4 WHERE id = 1;
SET ROLE regress_mbo_reader;
SELECT * FROM mbo_owned.by_k ORDER BY k;
RESET ROLE;
ROLLBACK;
DROP ROLE regress_mbo_owner, regress_mbo_reader;
