-- A refresh fails only if the query does, and when the query has an answer again, so has the stream table.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA values_that_fail;
SET search_path = values_that_fail;
CREATE TABLE a (id int PRIMARY KEY, x int);
CREATE TABLE b (id int PRIMARY KEY, x int);
CREATE TABLE c (id int, note text);
INSERT INTO a VALUES (1, 5), (2, 6);
INSERT INTO b VALUES (1, 3), (2, 1);
INSERT INTO c VALUES (1, 'one');
SELECT pgtrickle.create_stream_table('quotients', 'SELECT id, 30 / x AS q FROM a', '1h', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('differences', 'SELECT a.id, 12 / (a.x - b.x) AS q FROM a JOIN b ON b.id = a.id', '1h', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('notes', 'SELECT id, (SELECT note FROM c WHERE c.id = a.id) AS note FROM a', '1h', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('sums', 'SELECT sum(q)::smallint AS s FROM quotients', '1h', 'DIFFERENTIAL') \g /dev/null
CREATE FUNCTION refreshed(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgtrickle.refresh_stream_table(name);
  RETURN (SELECT action FROM pgtrickle.get_refresh_history(name, 1));
EXCEPTION WHEN OTHERS THEN
  RETURN sqlerrm;
END $$;

-- new_rows_meet_old_ones: 3 of a meets 3 of b in the delta, though never in the tables
UPDATE a SET x = 3 WHERE id = 1;
UPDATE b SET x = 2 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('differences') \g /dev/null
TABLE differences ORDER BY id;
SELECT action, status FROM pgtrickle.get_refresh_history('differences', 1);
-- and from there on by deltas again
UPDATE a SET x = 4 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('differences') \g /dev/null
SELECT action, status FROM pgtrickle.get_refresh_history('differences', 1);
TABLE differences ORDER BY id;

-- the_query_fails
SELECT pgtrickle.refresh_stream_table('quotients') \g /dev/null
UPDATE a SET x = 0 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('quotients');
SELECT id, 30 / x AS q FROM a;
-- inside_of_a_block_that_catches_it
SELECT refreshed('quotients');
SELECT refreshed('sums');
TABLE quotients ORDER BY id;
-- it_has_an_answer_again
UPDATE a SET x = 10 WHERE id = 2;
SELECT refreshed('quotients') <> 'division by zero' AS is_refreshed;
TABLE quotients ORDER BY id;
SELECT refreshed('sums') <> 'division by zero' AS is_refreshed;
TABLE sums;

-- two_rows_of_a_scalar_subquery
SELECT pgtrickle.refresh_stream_table('notes') \g /dev/null
TABLE notes ORDER BY id;
INSERT INTO c VALUES (1, 'uno'), (2, 'due');
SELECT pgtrickle.refresh_stream_table('notes');
DELETE FROM c WHERE note = 'one';
SELECT pgtrickle.refresh_stream_table('notes') \g /dev/null
TABLE notes ORDER BY id;

-- in_a_group: what another stream table of it computed is kept, or done again
UPDATE a SET x = 0 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('sums');
BEGIN;
UPDATE a SET x = 5 WHERE id = 1;
SAVEPOINT before;
UPDATE a SET x = 0 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('sums');
ROLLBACK TO before;
SELECT pgtrickle.refresh_stream_table('sums') \g /dev/null
COMMIT;
TABLE sums;
SELECT sum(30 / x) FROM a;

-- errors_that_a_statement_may_have_too: a text that is no tsquery, a result too long
CREATE TABLE phrase (id int, t text);
CREATE TABLE ending (id int, t text, n int);
INSERT INTO phrase VALUES (1, 'a &');
INSERT INTO ending VALUES (1, 'b', 1);
SELECT pgtrickle.create_stream_table('phrases', 'SELECT id, (p.t || e.t)::tsquery AS q FROM phrase p JOIN ending e USING (id)', '1h', 'DIFFERENTIAL') \g /dev/null
UPDATE phrase SET t = 'a';
UPDATE ending SET t = '& b';
SELECT refreshed('phrases');
TABLE phrases;
SELECT pgtrickle.create_stream_table('lengths', 'SELECT id, length(repeat(p.t, e.n)) AS n FROM phrase p JOIN ending e USING (id)', '1h', 'DIFFERENTIAL') \g /dev/null
UPDATE phrase SET t = NULL;
UPDATE ending SET n = 2000000000;
SELECT refreshed('lengths');
UPDATE phrase SET t = repeat('x', 100);
UPDATE ending SET n = 2;
SELECT refreshed('lengths');
TABLE lengths;
DROP SCHEMA values_that_fail CASCADE;
