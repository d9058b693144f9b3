-- A session that has read a change exactly does not read older rows later because refreshes fail.
SET client_min_messages = warning;
CREATE SCHEMA never_back;
SET search_path = never_back;
CREATE TABLE t (id int PRIMARY KEY, k int);
INSERT INTO t VALUES (1, 1);
SELECT pgtrickle.create_stream_table('by_id', 'SELECT id, k FROM t', '520w') \g /dev/null
CREATE UNIQUE INDEX ON by_id (k);
SET pg_trickle.max_staleness = 0;
INSERT INTO t VALUES (2, 2);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t;
SELECT count(*) FROM by_id;
COMMIT;
-- the refresh fails, as a row would be no other than another one in the index
INSERT INTO t VALUES (3, 2);
SELECT count(*) FROM by_id;
SELECT count(*) FROM by_id;
-- the next client of a connection pool has seen no more than the stored rows
DISCARD ALL;
SET client_min_messages = warning;
SET search_path = never_back;
SET pg_trickle.max_staleness = 0;
SELECT count(*) FROM by_id;
-- nor has another session
\c -
SET client_min_messages = warning;
SET search_path = never_back;
SET pg_trickle.max_staleness = 0;
SELECT count(*) FROM by_id;
DROP SCHEMA never_back CASCADE;
