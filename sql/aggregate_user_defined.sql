-- User-defined aggregates: in any language, with arguments of any number and kind, in a schema outside of search_path.
SET client_min_messages = warning;
CREATE SCHEMA aggregate_user_defined;
CREATE SCHEMA aggregate_library;
SET search_path = aggregate_user_defined;
CREATE TABLE t (id int PRIMARY KEY, g int, n int, s text);
INSERT INTO t SELECT i, i % 4, nullif(i % 7, 2), chr(97 + i % 5) FROM generate_series(1, 40) i;
CREATE INDEX ON t (g);

CREATE FUNCTION aggregate_library.weighted(state numeric, value int, weight int) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS
  'BEGIN RETURN coalesce(state, 0) + coalesce(value * weight, 0); END';
CREATE AGGREGATE aggregate_library.weighted(int, int) (sfunc = aggregate_library.weighted, stype = numeric);
-- A name that pg_catalog has, too, with another meaning.
CREATE FUNCTION aggregate_library.more(state int, value int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT greatest(state, value) + 1';
CREATE AGGREGATE aggregate_library.max(int) (sfunc = aggregate_library.more, stype = int, initcond = '0');
CREATE FUNCTION aggregate_library.keep(state anyarray, value anyelement) RETURNS anyarray IMMUTABLE LANGUAGE sql AS 'SELECT state || value';
CREATE FUNCTION aggregate_library.last(anyarray) RETURNS anyelement IMMUTABLE STRICT LANGUAGE sql AS 'SELECT $1[cardinality($1)]';
CREATE AGGREGATE aggregate_library.last_of(anyelement) (sfunc = aggregate_library.keep, stype = anyarray, initcond = '{}', finalfunc = aggregate_library.last);
CREATE FUNCTION aggregate_library.any_of(state int, VARIADIC value int[]) RETURNS int IMMUTABLE LANGUAGE sql AS
  'SELECT coalesce(state, 0) + coalesce((SELECT max(v) FROM unnest(value) v), 0)';
CREATE AGGREGATE aggregate_library.largest(VARIADIC int[]) (sfunc = aggregate_library.any_of, stype = int);
CREATE AGGREGATE aggregate_library.middle(float8 ORDER BY anyelement)
  (sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra);
CREATE FUNCTION aggregate_library.chance(state float8, value int) RETURNS float8 VOLATILE LANGUAGE sql AS 'SELECT random()';
CREATE AGGREGATE aggregate_library.chance(int) (sfunc = aggregate_library.chance, stype = float8);

CREATE FUNCTION create_it(name text, query text) RETURNS void LANGUAGE sql
  AS $$ SELECT pgtrickle.create_stream_table('aggregate_user_defined.' || name, query, '520w', 'DIFFERENTIAL') $$;
SELECT create_it('st', 'SELECT g, aggregate_library.weighted(n, id) AS w, aggregate_library.max(n ORDER BY id), aggregate_library.last_of(s ORDER BY id),
    aggregate_library.largest(id, n, g) AS a, aggregate_library.largest(VARIADIC ARRAY[id, n]) AS b, aggregate_library.middle(0.4) WITHIN GROUP (ORDER BY s) AS m,
    aggregate_library.weighted(DISTINCT n, 2) FILTER (WHERE s <> ''c'') AS dw FROM t GROUP BY g');
CREATE FUNCTION differs() RETURNS TABLE (side text, r text) LANGUAGE plpgsql AS $$
DECLARE query text := (SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'st' AND pgt_schema = 'aggregate_user_defined');
BEGIN
  PERFORM pgtrickle.refresh_stream_table('aggregate_user_defined.st');
  RETURN QUERY EXECUTE format('SELECT ''missing'', q::text FROM (%1$s EXCEPT ALL TABLE st) q UNION ALL SELECT ''surplus'', q::text FROM (TABLE st EXCEPT ALL %1$s) q', query);
END $$;
SELECT * FROM differs();
INSERT INTO t VALUES (50, 1, 9, 'x'), (51, 9, NULL, 'y'), (52, NULL, 3, 'z');
SELECT * FROM differs();
UPDATE t SET n = n + 1, s = 'a' WHERE id % 7 = 0;
DELETE FROM t WHERE g = 2 OR id = 51;
SELECT * FROM differs();
SELECT * FROM st ORDER BY g;

-- a_function_within_an_aggregate_is_replaced
CREATE OR REPLACE FUNCTION aggregate_library.weighted(state numeric, value int, weight int) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS
  'BEGIN RETURN coalesce(state, 0) - coalesce(value * weight, 0); END';
SELECT * FROM differs();
SELECT sum(w) < 0 AS by_the_new_function FROM st;
-- the_aggregate_itself_is_replaced
CREATE OR REPLACE AGGREGATE aggregate_library.weighted(int, int) (sfunc = aggregate_library.weighted, stype = numeric, initcond = '1000000');
SELECT * FROM differs();
SELECT min(w) > 0 AS by_the_new_start FROM st;

-- volatile_functions_inside_are_found
SELECT create_it('never', 'SELECT g, aggregate_library.chance(n) AS c FROM t GROUP BY g');
DROP SCHEMA aggregate_user_defined, aggregate_library CASCADE;
