-- Calls of refresh_stream_table() that are refused, and the errors.
SET client_min_messages = warning;
CREATE SCHEMA refresh_refused;
SET search_path = refresh_refused;
CREATE TABLE t (a int);
SELECT pgtrickle.create_stream_table('st', 'SELECT a FROM t WHERE a > 0', '520w', 'DIFFERENTIAL');

-- in_a_read_only_transaction
BEGIN READ ONLY;
SELECT pgtrickle.refresh_stream_table('st');
ROLLBACK;
BEGIN READ ONLY;
SELECT pgtrickle.resume_stream_table('st');
ROLLBACK;

BEGIN READ ONLY;
SELECT pgtrickle.alter_stream_table('st', status => 'SUSPENDED');
ROLLBACK;

-- not_a_stream_table
SELECT pgtrickle.refresh_stream_table('t');
SELECT pgtrickle.refresh_stream_table('nobody');
SELECT pgtrickle.refresh_stream_table('a.b.c.d');
SELECT pgtrickle.refresh_stream_table(NULL);

-- a_stream_table_of_another_owner
CREATE ROLE refresh_refused_somebody;
GRANT USAGE ON SCHEMA refresh_refused TO refresh_refused_somebody;
GRANT SELECT ON st TO refresh_refused_somebody;
SET ROLE refresh_refused_somebody;
SELECT pgtrickle.refresh_stream_table('st');
SELECT * FROM st;
RESET ROLE;

-- in_a_transaction_whose_snapshot_is_older_than_the_last_refresh
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t;
SELECT pgtrickle.refresh_stream_table('st');
COMMIT;

DROP SCHEMA refresh_refused CASCADE;
DROP ROLE refresh_refused_somebody;
