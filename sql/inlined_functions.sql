-- Whole rows of SQL functions that are inlined, which the planner makes itself in UPDATE and DELETE.
CREATE SCHEMA inlined_functions;
SET search_path = inlined_functions;
CREATE TABLE t (a int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'x'), (2, 'y');
SELECT pgtrickle.create_stream_table('inlined_functions.st', 'SELECT a, b FROM inlined_functions.t', '0s') \g /dev/null
-- OFFSET 0 keeps PostgreSQL from pulling up the query
CREATE FUNCTION rows_of_table() RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM inlined_functions.t OFFSET 0';
CREATE FUNCTION rows_of_stream_table() RETURNS SETOF st LANGUAGE sql STABLE
  AS 'SELECT * FROM inlined_functions.st OFFSET 0';
CREATE FUNCTION records(int) RETURNS TABLE (a int, b text) LANGUAGE sql STABLE
  AS 'SELECT a, b FROM inlined_functions.st WHERE a >= $1 OFFSET 0';
CREATE FUNCTION numbers() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT a FROM inlined_functions.st OFFSET 0';
CREATE TABLE u (c text, a int);
INSERT INTO u VALUES ('z', 1), ('z', 2);
SET pg_trickle.read_mode = exact;
INSERT INTO t VALUES (3, 'new');
INSERT INTO u VALUES ('z', 3);
BEGIN;
UPDATE u SET c = f.b FROM rows_of_table() f WHERE f.a = u.a AND u.a = 3 RETURNING f, row_to_json(f);
UPDATE u SET c = f.b FROM rows_of_stream_table() f WHERE f.a = u.a AND u.a = 3 RETURNING f, pg_typeof(f);
UPDATE u SET c = f.b FROM records(2) f WHERE f.a = u.a AND u.a = 3 RETURNING f, row_to_json(f);
UPDATE u SET c = 'n' || f FROM numbers() f WHERE f = u.a AND u.a = 3 RETURNING u, f;
UPDATE u SET c = f.b FROM st f WHERE f.a = u.a AND u.a = 3 RETURNING f, pg_typeof(f);
PREPARE removed(int) AS DELETE FROM u USING rows_of_stream_table() f WHERE f.a = u.a AND u.a < $1 RETURNING f, u.c;
EXECUTE removed(2);
SET LOCAL plan_cache_mode = force_generic_plan;
EXECUTE removed(3);
DELETE FROM u USING rows_of_table() f WHERE f.a = u.a AND u.a = 3 RETURNING f;
ROLLBACK;
-- selected, below an outer join, and locked
SELECT u.a, f, f IS NULL AS is_null FROM u LEFT JOIN rows_of_stream_table() f ON f.a = u.a AND f.a > 1 ORDER BY u.a;
SELECT u.a, f FROM u, LATERAL records(u.a) f ORDER BY u.a, f.a FOR UPDATE OF u;
CREATE FUNCTION changed() RETURNS SETOF st LANGUAGE sql
  AS 'UPDATE inlined_functions.u SET c = f.b FROM inlined_functions.rows_of_stream_table() f WHERE f.a = u.a RETURNING f.*';
SELECT * FROM changed() ORDER BY a;
RESET pg_trickle.read_mode;
SET client_min_messages = warning;
DROP SCHEMA inlined_functions CASCADE;
