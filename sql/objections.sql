-- Queries that cannot be maintained by deltas: DIFFERENTIAL reports the construct, the reason, and a remedy.
SET client_min_messages = warning;
CREATE SCHEMA objections;
SET search_path = objections, public;
CREATE TABLE a (id int PRIMARY KEY, grp text, val int, at timestamptz);
CREATE TABLE b (id int PRIMARY KEY, a_id int);
CREATE FUNCTION differential(query text) RETURNS void LANGUAGE sql
  AS $$ SELECT pgtrickle.create_stream_table('objections.st', query, '1m', 'DIFFERENTIAL') $$;
CREATE FUNCTION steady(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION age_of(since timestamptz, until timestamptz DEFAULT now()) RETURNS interval IMMUTABLE LANGUAGE sql AS 'SELECT until - since';
CREATE FUNCTION age_in_days(date, date DEFAULT 'now'::text::date) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $2 - $1';
CREATE FUNCTION added(int, int DEFAULT steady(1), int DEFAULT 5) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2 + $3';

-- expressions that change without a source
SELECT differential('SELECT id, random() AS r FROM a');
SELECT differential('SELECT id, now() - at AS age FROM a');
SELECT differential('SELECT id FROM a WHERE at > CURRENT_DATE');
SELECT differential('SELECT id, CURRENT_USER AS who FROM a');
SELECT differential('SELECT id, objections.steady(val) AS s FROM a');
SELECT differential('SELECT id, grp::timetz AS d FROM a');
SELECT differential('SELECT id, jsonb_path_exists_tz(to_jsonb(grp), ''$ ? (@.datetime() < "12:30:00+02".datetime())'') AS e FROM a');

-- defaults of arguments that a call omits
SELECT differential('SELECT id, objections.age_of(at) AS age FROM a');
SELECT differential('SELECT a.id FROM a, objections.age_of(since => a.at) AS age WHERE age > interval ''1 day''');
SELECT differential('SELECT id, objections.age_in_days(grp::date) AS days FROM a');
SELECT differential('SELECT id, objections.added(val) AS s FROM a');
SELECT pgtrickle.create_stream_table('objections.given', 'SELECT id, age_of(until => ''2024-01-02 00:00+00'', since => at) AS age, added(val, 1) AS s FROM a', '1m', 'DIFFERENTIAL');

-- defaults whose calls omit arguments, twice on each of many levels
CREATE FUNCTION older_0(timestamptz DEFAULT now()) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS 'SELECT $1';
DO $$ BEGIN
  FOR n IN 1 .. 40 LOOP
    EXECUTE format('CREATE FUNCTION older_%s(timestamptz DEFAULT objections.older_%s(), timestamptz DEFAULT objections.older_%2$s()) '
                   'RETURNS timestamptz IMMUTABLE LANGUAGE sql AS ''SELECT $1''', n, n - 1);
  END LOOP;
END $$;
SELECT differential('SELECT id, objections.older_40() AS at FROM a');

-- constructs of the query
SELECT differential('SELECT id FROM a ORDER BY id LIMIT -3');
SELECT differential('SELECT id, sum(val) OVER (ORDER BY id ROWS (SELECT 1) PRECEDING) AS s FROM a');
SELECT differential('SELECT b.id, l.s FROM b, LATERAL (SELECT sum(val) OVER (ORDER BY a.id ROWS b.a_id PRECEDING) AS s FROM a) l');
SELECT differential('SELECT b.id, (SELECT max(l.s) FROM (SELECT count(*) OVER (ORDER BY a.id RANGE BETWEEN CURRENT ROW AND b.id + 1 FOLLOWING) AS s FROM a) l) AS m FROM b');
SELECT differential('SELECT ctid AS c FROM a');
SELECT differential('SELECT (r).f1 AS x FROM (SELECT ROW(id, val) AS r FROM a) z');

-- each level doubles the expression of the one below
SELECT differential(repeat('SELECT id, val + val AS val FROM (', 20) || 'SELECT id, val FROM a' || repeat(') z', 20));

-- equality of another operator class than the default one, which full refreshes use
CREATE TYPE pair AS (n numeric);
CREATE TABLE r (id int PRIMARY KEY, r pair);
INSERT INTO r VALUES (1, ROW(1.0)), (2, ROW(1.00)), (3, ROW(2));
SELECT differential('SELECT DISTINCT r FROM r ORDER BY r USING OPERATOR(pg_catalog.*<) LIMIT 10');
SELECT differential('SELECT r, count(*) AS n FROM r GROUP BY r ORDER BY r USING OPERATOR(pg_catalog.*<) LIMIT 10');
SELECT differential('SELECT id, count(*) OVER (PARTITION BY r ORDER BY r USING OPERATOR(pg_catalog.*<)) AS n FROM r');
SELECT pgtrickle.create_stream_table('objections.full_groups', 'SELECT r, count(*) AS n FROM r GROUP BY r ORDER BY r USING OPERATOR(pg_catalog.*<) LIMIT 10', '1m', 'AUTO');
SELECT pgtrickle.create_stream_table('objections.counted', 'SELECT count(DISTINCT r) AS n, count(DISTINCT r ORDER BY r USING OPERATOR(pg_catalog.*<)) AS m FROM r', '1m', 'DIFFERENTIAL');
SELECT * FROM full_groups ORDER BY r::text;
INSERT INTO r VALUES (4, ROW(1.000));
SELECT pgtrickle.refresh_stream_table('objections.counted');
SELECT * FROM counted;

-- nothing is left behind
SELECT count(*) AS left_behind FROM pg_class WHERE relname = 'st' AND relnamespace = 'objections'::regnamespace;

DROP SCHEMA objections CASCADE;
