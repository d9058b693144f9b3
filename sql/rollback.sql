-- A rollback, also to a savepoint, leaves nothing behind.
CREATE TABLE rb_source (id int PRIMARY KEY, n int);
INSERT INTO rb_source VALUES (1, 1);
CREATE FUNCTION rb_left() RETURNS TABLE (what text, how_many bigint) LANGUAGE sql AS $$
  SELECT 'state', count(*) FROM pgtrickle.pgt_state
  UNION ALL SELECT 'dependency', count(*) FROM pgtrickle.pgt_dependency
  UNION ALL SELECT 'relations', count(*) FROM pg_class
    WHERE relnamespace IN ('pg_trickle_storage'::regnamespace, 'pg_trickle_log'::regnamespace)
  UNION ALL SELECT 'triggers', count(*) FROM pg_trigger WHERE tgrelid = 'rb_source'::regclass
  UNION ALL SELECT 'shown', count(*) FROM pgtrickle.pgt_stream_tables $$;
-- Capture begins in a transaction of its own: the manager ends it if the creation of the stream table is rolled back.
CREATE PROCEDURE rb_until_released() LANGUAGE plpgsql AS $$
DECLARE
  give_up_at timestamptz = clock_timestamp() + '30 s';
BEGIN
  WHILE EXISTS (SELECT FROM pgtrickle.pgt_source) AND clock_timestamp() < give_up_at LOOP
    COMMIT;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
SELECT * FROM rb_left();

BEGIN;
SELECT pgtrickle.create_stream_table('rb_st', 'SELECT id, n FROM rb_source', '520w');
SELECT pgt_name, status, is_populated FROM pgtrickle.pgt_stream_tables;
SELECT * FROM rb_st;
ROLLBACK;
CALL rb_until_released();
SELECT * FROM rb_left();

BEGIN;
SAVEPOINT before;
SELECT pgtrickle.create_stream_table('rb_st', 'SELECT id, n FROM rb_source', '520w');
ROLLBACK TO before;
SELECT * FROM rb_left() WHERE what NOT IN ('relations', 'triggers');
INSERT INTO rb_source VALUES (2, 2);
SELECT pgtrickle.create_stream_table('rb_st', 'SELECT id FROM rb_source', '520w');
COMMIT;
SELECT * FROM rb_st ORDER BY id;

-- alter_and_drop_rolled_back
BEGIN;
SELECT pgtrickle.alter_stream_table('rb_st', query => 'SELECT id * 100 AS id FROM rb_source', schedule => '2h');
SELECT * FROM rb_st ORDER BY id;
ROLLBACK;
SELECT * FROM rb_st ORDER BY id;
SELECT schedule FROM pgtrickle.pgt_stream_tables;
BEGIN;
SELECT pgtrickle.drop_stream_table('rb_st');
ROLLBACK;
INSERT INTO rb_source VALUES (3, 3);
SELECT pgtrickle.refresh_stream_table('rb_st');
SELECT * FROM rb_st ORDER BY id;
DROP TABLE rb_source CASCADE;
DROP FUNCTION rb_left; DROP PROCEDURE rb_until_released;
