-- A query reads views over objects in a schema on which its owner has no USAGE privilege.
CREATE ROLE nhs_owner;
CREATE SCHEMA nhs_hidden;
CREATE SCHEMA nhs AUTHORIZATION nhs_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO nhs_owner;
CREATE TYPE nhs_hidden.mood AS ENUM ('low', 'high');
CREATE DOMAIN nhs_hidden.positive AS int CHECK (VALUE > 0);
CREATE FUNCTION nhs_hidden.twice(v int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * v';
CREATE TABLE nhs_hidden.t (id int PRIMARY KEY, m nhs_hidden.mood, p nhs_hidden.positive);
INSERT INTO nhs_hidden.t VALUES (1, 'low', 1), (2, 'high', 2), (3, 'low', 3);
CREATE VIEW public.nhs_columns AS SELECT id, m, p, ARRAY[m] AS ms FROM nhs_hidden.t;
CREATE VIEW public.nhs_literal AS SELECT id, '{low,high}'::nhs_hidden.mood[] AS ms FROM nhs_hidden.t WHERE m = 'low';
CREATE VIEW public.nhs_function AS SELECT id, nhs_hidden.twice(id) AS two FROM nhs_hidden.t;
GRANT SELECT ON nhs_columns, nhs_literal, nhs_function TO nhs_owner;
GRANT TRIGGER ON nhs_hidden.t TO nhs_owner;
SET ROLE nhs_owner;
SELECT * FROM nhs_hidden.t;
-- relations_and_types_are_found
SELECT pgtrickle.create_stream_table('nhs.columns', 'SELECT * FROM nhs_columns', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nhs.literal', 'SELECT * FROM nhs_literal', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nhs.moods', 'SELECT m, count(*) AS n, max(p) AS p, max(m) AS top FROM nhs_columns GROUP BY m', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nhs.padded', 'SELECT a.id, b.m, b.p FROM nhs_columns a LEFT JOIN nhs_columns b ON a.id = b.id AND b.m = ''low''', '520w', 'DIFFERENTIAL');
-- functions_are_not
SELECT pgtrickle.create_stream_table('nhs.by_delta', 'SELECT * FROM nhs_function', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nhs.fully', 'SELECT * FROM nhs_function', '520w');
RESET ROLE;
UPDATE nhs_hidden.t SET m = 'high', p = p + 1 WHERE id = 1;
DELETE FROM nhs_hidden.t WHERE id = 3;
INSERT INTO nhs_hidden.t VALUES (4, NULL, NULL), (5, 'low', 5);
SET ROLE nhs_owner;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{nhs.columns,nhs.literal,nhs.moods,nhs.padded,nhs.fully}'::text[]) name;
SELECT * FROM nhs.columns ORDER BY id;
SELECT * FROM nhs.literal ORDER BY id;
SELECT * FROM nhs.moods ORDER BY m;
SELECT * FROM nhs.padded ORDER BY id;
SELECT * FROM nhs.fully ORDER BY id;
-- usage_granted_later
RESET ROLE;
GRANT USAGE ON SCHEMA nhs_hidden TO nhs_owner;
SET ROLE nhs_owner;
SELECT pgtrickle.create_stream_table('nhs.by_delta', 'SELECT * FROM nhs_function', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('nhs.chosen', 'SELECT two, count(*) AS n FROM nhs_function GROUP BY two', '520w');
SELECT pgtrickle.create_stream_table('nhs.final', 'SELECT m, nhs_hidden.twice(count(*)::int) AS n FROM nhs_columns GROUP BY m', '520w', 'DIFFERENTIAL');
RESET ROLE;
INSERT INTO nhs_hidden.t VALUES (6, 'low', 6);
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{nhs.by_delta,nhs.chosen,nhs.final}'::text[]) name;
-- usage_revoked_in_the_session_that_has_them_compiled
REVOKE USAGE ON SCHEMA nhs_hidden FROM nhs_owner;
INSERT INTO nhs_hidden.t VALUES (7, 'low', 7);
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('nhs.columns');
SELECT count(*) FROM nhs.columns;
SELECT pgtrickle.refresh_stream_table('nhs.chosen');
SELECT count(*) FROM nhs.chosen WHERE two = 14;
SELECT (pgtrickle.explain_refresh_mode('nhs.chosen')).effective_mode;
SELECT pgtrickle.refresh_stream_table('nhs.by_delta');
-- execute_revoked_likewise
GRANT USAGE ON SCHEMA nhs_hidden TO nhs_owner;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{nhs.by_delta,nhs.chosen,nhs.final}'::text[]) name;
SELECT (pgtrickle.explain_refresh_mode('nhs.chosen')).effective_mode;
REVOKE EXECUTE ON FUNCTION nhs_hidden.twice FROM PUBLIC;
INSERT INTO nhs_hidden.t VALUES (8, 'low', 8);
SELECT pgtrickle.refresh_stream_table('nhs.by_delta');
SELECT pgtrickle.refresh_stream_table('nhs.final');
SET client_min_messages = warning;
DROP SCHEMA nhs, nhs_hidden CASCADE;
DROP OWNED BY nhs_owner;
DROP ROLE nhs_owner;
