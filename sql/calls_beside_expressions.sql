-- Functions that a query calls and no expression of it contains: casts of set operations, range frames, clauses, aggregates.
SET client_min_messages = warning;
CREATE SCHEMA calls_beside_expressions;
SET search_path = calls_beside_expressions;
CREATE FUNCTION settings_of(st text) RETURNS text STABLE LANGUAGE sql AS $$
  SELECT string_agg(option, ' ' ORDER BY option) FROM pg_foreign_table, unnest(ftoptions) option WHERE ftrelid = st::regclass AND option LIKE 'setting%' $$;

-- casts_of_set_operations_follow_recorded_settings
SET TimeZone = 'America/New_York';
CREATE TABLE days (id int PRIMARY KEY, d date);
CREATE TABLE moments (id int PRIMARY KEY, z timestamptz);
INSERT INTO days VALUES (1, '2024-01-01'), (2, '2024-01-02');
INSERT INTO moments VALUES (1, '2024-01-01 00:00-05');
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('both', 'SELECT d FROM days UNION ALL SELECT z FROM moments'),
  ('nested', '(SELECT d FROM days EXCEPT SELECT date ''2024-01-02'') UNION ALL SELECT z FROM moments'),
  ('framed', 'SELECT id, count(*) OVER (ORDER BY z RANGE BETWEEN ''1 day'' PRECEDING AND CURRENT ROW) AS n FROM moments');
SELECT pgtrickle.create_stream_table('calls_beside_expressions.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
SELECT pgtrickle.create_stream_table('calls_beside_expressions.in_full', 'SELECT d FROM days UNION ALL SELECT z FROM moments', '520w', 'FULL') \g /dev/null
SELECT name, settings_of(name) FROM kept UNION ALL SELECT 'in_full', settings_of('in_full') ORDER BY 1;
SET TimeZone = 'Asia/Tokyo';
DELETE FROM days WHERE id = 1;
INSERT INTO days VALUES (3, '2024-01-03');
INSERT INTO moments VALUES (2, '2024-03-10 01:30-05'), (3, '2024-03-11 01:45-04');
SELECT pgtrickle.refresh_stream_table('calls_beside_expressions.' || name) FROM kept \g /dev/null
SELECT pgtrickle.refresh_stream_table('calls_beside_expressions.in_full') \g /dev/null
SET TimeZone = 'America/New_York';
SELECT * FROM test.wrong('kept');
SELECT * FROM in_full ORDER BY 1;
RESET TimeZone;

-- dependence_on_the_clock_is_refused_there_too
CREATE TABLE clocks (t time, z timetz, n int);
CREATE FUNCTION times(name text, query text) RETURNS void LANGUAGE sql
  AS $$ SELECT pgtrickle.create_stream_table('calls_beside_expressions.' || name, query, '520w', 'DIFFERENTIAL') $$;
SELECT times('timed', 'SELECT t FROM clocks UNION ALL SELECT z FROM clocks');

-- each_function_of_an_aggregate_counts
CREATE FUNCTION plus(int, int) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS 'SELECT $1 + $2';
CREATE FUNCTION drifting(int, int) RETURNS int STABLE STRICT LANGUAGE sql AS 'SELECT $1 + $2';
CREATE FUNCTION minus(int, int) RETURNS int VOLATILE STRICT LANGUAGE sql AS 'SELECT $1 - $2';
CREATE AGGREGATE moving(int) (sfunc = plus, stype = int, msfunc = plus, minvfunc = minus, mstype = int);
CREATE AGGREGATE combined(int) (sfunc = plus, stype = int, combinefunc = drifting);
SELECT times('moved', 'SELECT n, moving(n) OVER (ORDER BY n ROWS 1 PRECEDING) FROM clocks');
SELECT times('united', 'SELECT combined(n) FROM clocks');

-- operators_of_clauses_count
CREATE TYPE own AS (a int);
CREATE FUNCTION less(own, own) RETURNS bool STABLE LANGUAGE sql AS 'SELECT $1.a < $2.a';
CREATE FUNCTION same(own, own) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1.a = $2.a';
CREATE FUNCTION compared(own, own) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1.a - $2.a';
CREATE OPERATOR < (LEFTARG = own, RIGHTARG = own, FUNCTION = less);
CREATE OPERATOR = (LEFTARG = own, RIGHTARG = own, FUNCTION = same);
CREATE OPERATOR CLASS own_ops DEFAULT FOR TYPE own USING btree AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 compared(own, own);
CREATE TABLE owned (o own, n int);
SELECT times('grouped', 'SELECT o, count(*) FROM owned GROUP BY o');
SELECT times('ranked', 'SELECT n, rank() OVER (ORDER BY o) FROM owned');
SELECT times('merged', 'SELECT o FROM owned UNION SELECT o FROM owned');

-- casts_of_users_in_set_operations_are_followed
CREATE TYPE narrow AS (a int);
CREATE FUNCTION to_wide(narrow) RETURNS own IMMUTABLE LANGUAGE sql AS 'SELECT ROW($1.a)::calls_beside_expressions.own';
CREATE CAST (narrow AS own) WITH FUNCTION to_wide(narrow) AS IMPLICIT;
CREATE TABLE narrows (c narrow);
INSERT INTO narrows VALUES (ROW(1)), (ROW(2));
INSERT INTO owned VALUES (ROW(3), 3);
SELECT pgtrickle.create_stream_table('calls_beside_expressions.wide_in_full', 'SELECT c FROM narrows UNION ALL SELECT o FROM owned', '520w', 'FULL');
SELECT times('wide', 'SELECT c FROM narrows UNION ALL SELECT o FROM owned');
CREATE OR REPLACE FUNCTION to_wide(narrow) RETURNS own IMMUTABLE LANGUAGE sql AS 'SELECT ROW($1.a + 100)::calls_beside_expressions.own';
INSERT INTO narrows VALUES (ROW(4));
SELECT pgt_name, needs_reinit FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE 'wide%' ORDER BY 1;
SELECT pgtrickle.refresh_stream_table('calls_beside_expressions.wide'), pgtrickle.refresh_stream_table('calls_beside_expressions.wide_in_full');
SELECT (c).a FROM wide ORDER BY 1;
SELECT (c).a FROM wide_in_full ORDER BY 1;
DROP CAST (narrow AS own);
DROP CAST (narrow AS own) CASCADE;
SELECT pgt_name FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE 'wide%';
DROP SCHEMA calls_beside_expressions CASCADE;
