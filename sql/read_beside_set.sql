/* In the middle of a statement that changes a source of another member of the atomic set, a stream table that lacks an
   earlier change of the transaction is read exactly: a refresh would include that member. */
SET client_min_messages = warning;
CREATE SCHEMA read_beside_set;
SET search_path = read_beside_set;
CREATE TABLE base (k int);
CREATE TABLE other (k int);
SELECT pgtrickle.create_stream_table('left_side', 'SELECT k FROM base', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('right_side', 'SELECT base.k FROM base JOIN other ON base.k = other.k', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('apex', 'SELECT l.k FROM left_side l JOIN right_side r ON l.k = r.k', '520w') \g /dev/null
CREATE TABLE seen (what text, rows bigint);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO seen VALUES ('left', (SELECT count(*) FROM left_side));
  INSERT INTO seen VALUES ('right', (SELECT count(*) FROM right_side));
  INSERT INTO seen VALUES ('apex', (SELECT count(*) FROM apex));
  RETURN NEW;
END $$;
CREATE TRIGGER look AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION look();
SET pg_trickle.max_staleness = 0;
SET pg_trickle.on_stale = error;
BEGIN; INSERT INTO base VALUES (3); INSERT INTO other VALUES (1), (3); COMMIT;
TABLE seen;
BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO base VALUES (3); INSERT INTO other VALUES (3); COMMIT;
TABLE seen OFFSET 6;
-- nothing is missing: the stored rows are read
TRUNCATE seen;
INSERT INTO other VALUES (5);
TABLE seen;
SELECT count(*) FROM left_side; SELECT count(*) FROM right_side; SELECT count(*) FROM apex;
DROP SCHEMA read_beside_set CASCADE;
