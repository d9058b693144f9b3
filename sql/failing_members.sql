/* A member of a refresh group whose query fails stops no other one: a refresh in a transaction that needs another member
   leaves it out. */
SET client_min_messages = warning;
CREATE SCHEMA failing_members;
SET search_path = failing_members;
CREATE TABLE part (id int);
CREATE TABLE divisor (d int);
INSERT INTO divisor VALUES (1);
SELECT pgtrickle.create_stream_table('parts', 'SELECT count(*) AS n FROM part', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('ratio', 'SELECT 1 / d AS x FROM divisor', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('above', 'SELECT max(x) AS x FROM ratio', '520w') \g /dev/null
SELECT pgtrickle.create_stream_table('beside', 'SELECT count(*) AS n FROM divisor', '520w') \g /dev/null
SELECT pgtrickle.create_refresh_group('all_of_them', ARRAY['parts', 'ratio', 'above', 'beside']) \g /dev/null
UPDATE divisor SET d = 0;

-- a read of own changes
BEGIN;
SET LOCAL pg_trickle.max_staleness = 0;
INSERT INTO part VALUES (1);
SELECT n FROM parts;
LOCK TABLE parts IN ACCESS SHARE MODE;
INSERT INTO part VALUES (2);
SELECT p.n FROM parts p, beside;
COMMIT;
SELECT n FROM parts;
-- a refresh on request
INSERT INTO part VALUES (3);
SELECT pgtrickle.refresh_stream_table('parts') \g /dev/null
SELECT n FROM parts;
SELECT x FROM ratio;
SELECT DISTINCT status, error_message FROM pgtrickle.get_refresh_history('ratio', 3) WHERE status = 'FAILED';
-- one that needs it fails
BEGIN;
SET LOCAL pg_trickle.max_staleness = 0;
INSERT INTO part VALUES (4);
SELECT x, n FROM above, parts;
ROLLBACK;
SELECT pgtrickle.refresh_stream_table('above');
-- and so does an atomic set
SELECT pgtrickle.create_stream_table('joined', 'SELECT x, n FROM ratio, beside', '520w', initialize => false) \g /dev/null
SELECT pgtrickle.refresh_stream_table('beside');
-- but a read of another one is exact
BEGIN;
SET LOCAL pg_trickle.max_staleness = 0;
INSERT INTO divisor VALUES (3);
SELECT n FROM beside;
COMMIT;
DROP FOREIGN TABLE joined;
-- after its cause is removed, they are refreshed together again
UPDATE divisor SET d = 2;
INSERT INTO divisor VALUES (1);
SELECT pgtrickle.refresh_stream_table('parts') \g /dev/null
SELECT r.x, a.x AS max, p.n, b.n AS divisors FROM ratio r, above a, parts p, beside b ORDER BY r.x;
RESET client_min_messages;
\set QUIET on
SET client_min_messages = error;
SELECT pgtrickle.drop_refresh_group('all_of_them') \g /dev/null
DROP SCHEMA failing_members CASCADE;
