-- A read in a savepoint that was released counts, whatever becomes of a later savepoint.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA read_in_savepoints;
SET search_path = read_in_savepoints;
CREATE TABLE item (id int PRIMARY KEY, v int);
INSERT INTO item SELECT g, g FROM generate_series(1, 5) g;
CREATE FOREIGN TABLE total (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM item', schedule '520w');
SELECT n FROM total;
INSERT INTO item VALUES (6, 6);

-- by_schedule_behind_an_exact_read
BEGIN;
SET LOCAL pg_trickle.read_mode = exact;
SAVEPOINT a;
DECLARE rows_of_a CURSOR FOR SELECT n FROM total;
RELEASE a;
SAVEPOINT b;
ROLLBACK TO b;
FETCH ALL rows_of_a;
SET LOCAL pg_trickle.read_mode = refresh;
SELECT n FROM total;
COMMIT;
SELECT n FROM total;

-- one_that_was_rolled_back_has_shown_nothing
INSERT INTO item VALUES (7, 7);
BEGIN;
SAVEPOINT a;
SET LOCAL pg_trickle.read_mode = exact;
SAVEPOINT b;
DECLARE rows_of_b CURSOR FOR SELECT n FROM total;
RELEASE b;
ROLLBACK TO a;
SELECT n FROM total;
COMMIT;

-- under_one_snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL pg_trickle.read_mode = exact;
SAVEPOINT a;
DECLARE rows_of_a CURSOR FOR SELECT n FROM total;
RELEASE a;
SAVEPOINT b;
ROLLBACK TO b;
FETCH ALL rows_of_a;
SET LOCAL pg_trickle.read_mode = refresh;
SELECT n FROM total;
COMMIT;

DROP SCHEMA read_in_savepoints CASCADE;
