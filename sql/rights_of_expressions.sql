-- The role with whose privileges the expressions of a defining query are analyzed, planned and evaluated.
CREATE ROLE roe_owner;
CREATE ROLE roe_other;
CREATE SCHEMA roe AUTHORIZATION roe_owner;
GRANT USAGE ON SCHEMA roe TO PUBLIC;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO roe_owner, roe_other;
CREATE SCHEMA roe_other AUTHORIZATION roe_other;
SET ROLE roe_owner;
CREATE TABLE roe.ran (who text, restricted bool);
GRANT INSERT ON roe.ran TO PUBLIC;
-- SET ROLE is refused within a security-restricted operation.
CREATE FUNCTION roe.note(v int) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE is_restricted bool := false;
BEGIN
  BEGIN
    PERFORM set_config('role', current_setting('role'), true);
  EXCEPTION WHEN insufficient_privilege THEN is_restricted := true;
  END;
  INSERT INTO roe.ran VALUES (current_user, is_restricted);
  RETURN true;
END $$;
CREATE FUNCTION roe.same(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM roe.note(v); RETURN v; END';
CREATE DOMAIN roe.noted AS int CHECK (roe.note(VALUE));
CREATE TYPE roe.pair AS (a roe.noted, b int);
CREATE TYPE roe.span AS RANGE (subtype = int4);
CREATE TABLE roe.t (id int PRIMARY KEY, g int, s text);
INSERT INTO roe.t SELECT n, n % 3, n FROM generate_series(1, 9) n;
CREATE TABLE roe.queries (name text, query text);
INSERT INTO roe.queries VALUES
  ('in_filter', $$SELECT id FROM roe.t WHERE id = ANY ('{1,2,3}'::roe.noted[]::int[])$$),
  ('in_having', $$SELECT g, count(*) AS n FROM roe.t GROUP BY g HAVING count(*) = ANY ('{1,2,3}'::roe.noted[]::bigint[])$$),
  ('of_composite', $$SELECT id, ('(1,2)'::roe.pair).b + id AS v FROM roe.t$$),
  ('in_aggregate', $$SELECT g, sum(id + cardinality('{1,2}'::roe.noted[])) AS n FROM roe.t GROUP BY g$$),
  ('below_a_join', $$SELECT a.id, b.n FROM roe.t a JOIN (SELECT g, max(id + roe.same(1)) AS n FROM roe.t GROUP BY g) b USING (g)$$),
  ('in_a_window', $$SELECT id, sum(id) OVER (PARTITION BY g = ANY ('{1}'::roe.noted[]::int[]) ORDER BY id) AS n FROM roe.t$$),
  ('of_top_rows', $$SELECT id FROM roe.t ORDER BY id + ('{7}'::roe.noted[])[1] LIMIT 3$$),
  ('kept_in_full', $$SELECT id, random() < 2 AS v, '{1}'::roe.noted[] AS a FROM roe.t$$),
  ('folded', $$SELECT id + roe.same(7) AS v FROM roe.t$$);
-- created_by_its_owner
SET client_min_messages = warning;
SELECT count(pgtrickle.create_stream_table('roe.' || name, query, '520w', 'AUTO')) FROM roe.queries;
SELECT DISTINCT who FROM roe.ran;
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA roe TO roe_other;
TRUNCATE roe.ran;
-- refreshed_by_a_superuser
UPDATE roe.t SET g = g + 1 WHERE id < 5;
DELETE FROM roe.t WHERE id = 9;
SELECT count(pgtrickle.refresh_stream_table('roe.' || name)) FROM roe.queries;
SELECT DISTINCT who, restricted FROM roe.ran;
TRUNCATE roe.ran;
-- refreshed_by_the_manager
INSERT INTO roe.t VALUES (20, 2, 'x');
SELECT count(pgtrickle.alter_stream_table('roe.' || name, schedule => '1s')) FROM roe.queries;
SELECT count(*) FILTER (WHERE pgtrickle.wait_until_fresh('roe.' || name)) FROM roe.queries WHERE name <> 'kept_in_full';
SELECT DISTINCT who, restricted FROM roe.ran;
SELECT count(pgtrickle.alter_stream_table('roe.' || name, schedule => '520w')) FROM roe.queries;
TRUNCATE roe.ran;
-- explained_by_a_superuser
SELECT count(*) > 0 FROM roe.queries, pgtrickle.explain_st('roe.' || name);
SELECT count(*) > 0 FROM roe.queries, pgtrickle.explain_refresh_mode('roe.' || name);
SELECT count(*) > 0 FROM pgtrickle.recommend_refresh_mode();
SELECT count(*) > 0 FROM pgtrickle.health_check();
SELECT count(pgtrickle.repair_stream_table('roe.' || name)) FROM roe.queries;
SELECT DISTINCT who, restricted FROM roe.ran;
TRUNCATE roe.ran;
-- read_by_another_role_through_one_of_its_own
SET ROLE roe_other;
SELECT pgtrickle.create_stream_table('roe_other.over', 'SELECT i.id, v.v FROM roe.in_filter i JOIN roe.of_composite v USING (id)');
SET pg_trickle.max_staleness = 0;
INSERT INTO roe.ran SELECT 'roe_owner', true;
BEGIN;
SELECT pgtrickle.refresh_stream_table('roe_other.over');
SELECT count(*) FROM roe_other.over;
SELECT count(*) FROM roe.in_having;
COMMIT;
SELECT count(*) > 0 FROM pgtrickle.recommend_refresh_mode();
RESET pg_trickle.max_staleness;
RESET ROLE;
SELECT DISTINCT who, restricted FROM roe.ran;
TRUNCATE roe.ran;
-- changed_by_its_owner_and_a_superuser
SELECT count(pgtrickle.alter_stream_table('roe.' || name, refresh_mode => 'FULL')) FROM roe.queries;
SELECT count(pgtrickle.alter_stream_table('roe.' || name, refresh_mode => 'AUTO')) FROM roe.queries;
ALTER TABLE roe.t ENABLE ROW LEVEL SECURITY;
ALTER TABLE roe.t DISABLE ROW LEVEL SECURITY;
CREATE OR REPLACE FUNCTION roe.same(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM roe.note(v); RETURN v + 1; END';
SELECT count(pgtrickle.refresh_stream_table('roe.' || name)) FROM roe.queries;
SELECT DISTINCT who, restricted FROM roe.ran;
-- the_rows_are_right
CREATE FUNCTION roe.differences() RETURNS TABLE (name text, n bigint) LANGUAGE plpgsql AS $$
DECLARE one record;
BEGIN
  FOR one IN SELECT * FROM roe.queries q WHERE q.name <> 'kept_in_full' ORDER BY q.name LOOP
    name := one.name;
    EXECUTE format('SELECT count(*) FROM ((SELECT * FROM roe.%I EXCEPT ALL (%s)) UNION ALL ((%s) EXCEPT ALL SELECT * FROM roe.%I)) x',
                   one.name, one.query, one.query, one.name) INTO n;
    IF n > 0 THEN RETURN NEXT; END IF;
  END LOOP;
END $$;
SELECT * FROM roe.differences();
RESET client_min_messages;
DROP SCHEMA roe_other CASCADE;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA roe CASCADE;
DROP OWNED BY roe_owner, roe_other CASCADE;
DROP ROLE roe_owner, roe_other;
