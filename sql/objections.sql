-- Queries that cannot be maintained by deltas: DIFFERENTIAL reports the construct, the reason, and a remedy.
SET client_min_messages = warning;
CREATE SCHEMA objections;
SET search_path = objections, public;
CREATE TABLE a (id int PRIMARY KEY, grp text, val int, at timestamptz);
CREATE TABLE b (id int PRIMARY KEY, a_id int);
CREATE FUNCTION differential(query text) RETURNS void LANGUAGE sql
  AS $$ SELECT pgtrickle.create_stream_table('objections.st', query, '1m', 'DIFFERENTIAL') $$;
CREATE FUNCTION steady(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1';

-- expressions that change without a source
SELECT differential('SELECT id, random() AS r FROM a');
SELECT differential('SELECT id, now() - at AS age FROM a');
SELECT differential('SELECT id FROM a WHERE at > CURRENT_DATE');
SELECT differential('SELECT id, CURRENT_USER AS who FROM a');
SELECT differential('SELECT id, objections.steady(val) AS s FROM a');
SELECT differential('SELECT id, grp::timetz AS d FROM a');

-- constructs of the query
SELECT differential('SELECT id FROM a ORDER BY id LIMIT -3');
SELECT differential('SELECT id, sum(val) OVER (ORDER BY id ROWS (SELECT 1) PRECEDING) AS s FROM a');
SELECT differential('SELECT ctid AS c FROM a');
SELECT differential('SELECT (r).f1 AS x FROM (SELECT ROW(id, val) AS r FROM a) z');

-- nothing is left behind
SELECT count(*) AS left_behind FROM pg_class WHERE relname = 'st' AND relnamespace = 'objections'::regnamespace;

DROP SCHEMA objections CASCADE;
