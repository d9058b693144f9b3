-- A query refers to the functions, casts and types that existed at its definition, even if other objects match their names now.
CREATE ROLE nfa_owner;
CREATE ROLE nfa_other;
CREATE SCHEMA nfa AUTHORIZATION nfa_owner;
CREATE SCHEMA nfa_shared;
GRANT USAGE, CREATE ON SCHEMA nfa_shared TO nfa_owner, nfa_other;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO nfa_owner;
SET ROLE nfa_other;
CREATE TYPE nfa_shared.mood AS ENUM ('sad', 'ok');
SET ROLE nfa_owner;
CREATE FUNCTION nfa_shared.f(anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE nfa.t (id int PRIMARY KEY, v text);
INSERT INTO nfa.t VALUES (1, 'ok');
SELECT pgtrickle.create_stream_table('nfa.casts', 'SELECT id, v::nfa_shared.mood AS m FROM nfa.t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nfa.calls', 'SELECT id, nfa_shared.f(id) AS w FROM nfa.t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nfa.groups', 'SELECT v::nfa_shared.mood AS m, nfa_shared.f(count(*)::int) AS n FROM nfa.t GROUP BY 1', '520w', 'DIFFERENTIAL');
INSERT INTO nfa.t VALUES (2, 'ok');
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{nfa.casts,nfa.calls,nfa.groups}'::text[]) name;
-- another_role_creates_objects_that_match_better
SET ROLE nfa_other;
CREATE FUNCTION nfa_shared.note(who text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called as %', who; END $$;
CREATE FUNCTION nfa_shared.mood_of(text) RETURNS nfa_shared.mood LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM nfa_shared.note(current_user::text); RETURN 'sad'; END $$;
CREATE CAST (text AS nfa_shared.mood) WITH FUNCTION nfa_shared.mood_of(text);
CREATE FUNCTION nfa_shared.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM nfa_shared.note(current_user::text); RETURN -666; END $$;
CREATE FUNCTION nfa_shared.o(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR nfa_shared.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = nfa_shared.o);
SET ROLE nfa_owner;
INSERT INTO nfa.t VALUES (3, 'ok');
SELECT pgtrickle.refresh_stream_table('nfa.casts');
SELECT pgtrickle.refresh_stream_table('nfa.calls');
SELECT pgtrickle.refresh_stream_table('nfa.groups');
SELECT pgtrickle.alter_stream_table('nfa.groups', refresh_mode => 'AUTO');
SELECT pgtrickle.refresh_stream_table('nfa.groups');
SELECT * FROM nfa.groups;
-- in_a_new_session_too
\c -
SET ROLE nfa_owner;
SELECT pgtrickle.refresh_stream_table('nfa.casts');
SELECT pgtrickle.refresh_stream_table('nfa.calls');
SELECT pgtrickle.refresh_stream_table('nfa.groups');
SELECT * FROM nfa.groups;
-- after_these_are_dropped
RESET ROLE;
DROP CAST (text AS nfa_shared.mood);
DROP FUNCTION nfa_shared.f(int);
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{nfa.casts,nfa.calls}'::text[]) name;
SELECT * FROM nfa.casts ORDER BY id;
SELECT * FROM nfa.calls ORDER BY id;
-- another_role_creates_objects_that_match_as_well: PostgreSQL cannot choose one by the name
SET ROLE nfa_owner;
CREATE FUNCTION nfa_shared.g(n int, word text DEFAULT 'x') RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n';
CREATE FUNCTION nfa_shared.is_near(anyelement, anyelement) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR nfa_shared.~== (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = nfa_shared.is_near);
CREATE FUNCTION nfa_shared.higher(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT greatest($1, $2)';
CREATE AGGREGATE nfa_shared.highest(anyelement) (SFUNC = nfa_shared.higher, STYPE = anyelement);
SELECT pgtrickle.create_stream_table('nfa.' || name, query, '520w') FROM (VALUES
  ('of_defaults', 'SELECT id, nfa_shared.g(id) AS g FROM nfa.t'),
  ('of_operators', 'SELECT id FROM nfa.t WHERE id OPERATOR(nfa_shared.~==) 4 OR id OPERATOR(nfa_shared.~==) ANY (ARRAY[1, 2])'),
  ('of_aggregates', 'SELECT v, nfa_shared.highest(id) AS h FROM nfa.t GROUP BY v')) made (name, query) \g /dev/null
CREATE FUNCTION nfa.modes() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(pgt_name || ' ' || effective_refresh_mode, ', ' ORDER BY pgt_name) FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE 'of\_%' $$;
SELECT nfa.modes();
SET ROLE nfa_other;
CREATE FUNCTION nfa_shared.g(n int, number int DEFAULT 0) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT -666';
CREATE FUNCTION nfa_shared.is_far(anycompatible, anycompatible) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR nfa_shared.~== (LEFTARG = anycompatible, RIGHTARG = anycompatible, FUNCTION = nfa_shared.is_far);
CREATE FUNCTION nfa_shared.lower(anycompatible, anycompatible) RETURNS anycompatible LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE AGGREGATE nfa_shared.highest(anycompatible) (SFUNC = nfa_shared.lower, STYPE = anycompatible);
SET ROLE nfa_owner;
SELECT nfa_shared.highest(id) FROM nfa.t;
SELECT FROM nfa.t WHERE id OPERATOR(nfa_shared.~==) 4;
\c -
SET ROLE nfa_owner;
SET client_min_messages = warning; -- who notices it first, this session or the manager, reports that it is kept by full refreshes
INSERT INTO nfa.t VALUES (4, 'ok');
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{nfa.of_defaults,nfa.of_operators,nfa.of_aggregates}'::text[]) name;
RESET client_min_messages;
SELECT nfa.modes();
SELECT * FROM nfa.of_defaults ORDER BY id;
SELECT * FROM nfa.of_operators ORDER BY id;
SELECT * FROM nfa.of_aggregates ORDER BY v;
SELECT pgtrickle.alter_stream_table('nfa.of_defaults', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
-- the_query_is_given_again: its text finds a function that has been created since, as that of a view does
SET ROLE nfa_owner;
CREATE FUNCTION nfa_shared.which(anyelement) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'first'$$;
SELECT pgtrickle.create_stream_table('nfa.' || name, 'SELECT id, nfa_shared.which(id) AS w FROM nfa.t', '520w')
  FROM unnest('{altered,replaced,kept}'::text[]) name \g /dev/null
CREATE FUNCTION nfa_shared.which(int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'second'$$;
ALTER FOREIGN TABLE nfa.altered OPTIONS (SET query 'SELECT id, nfa_shared.which(id) AS w FROM nfa.t');
SELECT pgtrickle.create_or_replace_stream_table('nfa.replaced', 'SELECT id, nfa_shared.which(id) AS w FROM nfa.t', '520w');
SELECT DISTINCT a.w AS altered, r.w AS replaced, k.w AS kept FROM nfa.altered a JOIN nfa.replaced r USING (id) JOIN nfa.kept k USING (id);
RESET ROLE;
-- a_type_gets_another_default_operator_class: of a view, UNION compares as before
CREATE TYPE nfa.size AS ENUM ('small', 'large');
CREATE TABLE nfa.sized (id int PRIMARY KEY, size nfa.size);
INSERT INTO nfa.sized VALUES (1, 'small'), (2, 'large');
SELECT pgtrickle.create_stream_table('nfa.sizes', 'SELECT size FROM nfa.sized UNION SELECT size FROM nfa.sized', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nfa.auto_sizes', 'SELECT size FROM nfa.sized UNION SELECT size FROM nfa.sized', '520w');
CREATE FUNCTION nfa.compare(nfa.size, nfa.size) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 0';
CREATE FUNCTION nfa.is_equal(nfa.size, nfa.size) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION nfa.is_unequal(nfa.size, nfa.size) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE OPERATOR nfa.= (LEFTARG = nfa.size, RIGHTARG = nfa.size, FUNCTION = nfa.is_equal, MERGES);
CREATE OPERATOR nfa.< (LEFTARG = nfa.size, RIGHTARG = nfa.size, FUNCTION = nfa.is_unequal);
CREATE OPERATOR nfa.> (LEFTARG = nfa.size, RIGHTARG = nfa.size, FUNCTION = nfa.is_unequal);
CREATE OPERATOR CLASS nfa.size_ops DEFAULT FOR TYPE nfa.size USING btree AS
  OPERATOR 1 nfa.<, OPERATOR 3 nfa.=, OPERATOR 5 nfa.>, FUNCTION 1 nfa.compare(nfa.size, nfa.size);
\c -
UPDATE nfa.sized SET size = 'small';
UPDATE nfa.sized SET size = 'large' WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('nfa.sizes');
SELECT pgtrickle.refresh_stream_table('nfa.auto_sizes');
SELECT * FROM nfa.auto_sizes ORDER BY size::text;
SET client_min_messages = warning;
DROP SCHEMA nfa, nfa_shared CASCADE;
DROP OWNED BY nfa_owner, nfa_other;
DROP ROLE nfa_owner, nfa_other;
