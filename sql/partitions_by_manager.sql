-- A refresh worker creates the partitions of new ranges after the refresh that first has rows of them.
CREATE TABLE pm_event (id int PRIMARY KEY, d date);
INSERT INTO pm_event VALUES (1, '2026-01-01'), (2, '2026-01-02'), (3, NULL);
CREATE FOREIGN TABLE pm_st () SERVER pgtrickle OPTIONS (query 'SELECT id, d FROM pm_event', partition_by 'day(d)', initialize 'false');
SELECT format('SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass(''pg_trickle_storage.st_%s'')', 'pm_st'::regclass::oid) AS partitions \gset
-- the_first_fill_by_the_manager
SELECT test.wait_for(:'partitions', '3');
SELECT * FROM test.differences('pm_st');
-- a_new_range
INSERT INTO pm_event VALUES (4, '2026-01-02'), (5, '2026-01-03');
SELECT test.wait_for(:'partitions', '4');
SELECT * FROM test.differences('pm_st');
DROP TABLE pm_event CASCADE;
