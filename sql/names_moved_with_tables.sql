-- SET SCHEMA of a table moves its indexes and sequences, and RENAME CONSTRAINT renames an index: the texts of queries follow.
SET client_min_messages = warning;
CREATE SCHEMA names_moved_with_tables;
CREATE SCHEMA names_moved_to;
SET search_path = names_moved_with_tables, public;
CREATE TABLE t (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, k int UNIQUE);
CREATE INDEX by_n ON t (n, k);
CREATE TYPE pair AS (a int, b int);
CREATE TABLE u (v int);
INSERT INTO u VALUES (1), (2);
SELECT pgtrickle.create_stream_table('st', $$SELECT v, 't_id_seq'::regclass AS s, 't_n_seq'::regclass AS n, 't_pkey'::regclass AS p,
  'by_n'::regclass AS b, 'pair'::regclass AS c FROM u$$, '520w');
CREATE FUNCTION definition() RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(option_value, '\s+', ' ', 'g')
  FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'names_moved_with_tables.st'::regclass)) WHERE option_name = 'query' $$;
SELECT definition();
-- a_constraint
ALTER TABLE t RENAME CONSTRAINT t_pkey TO "Key";
SELECT definition();
ALTER TABLE t RENAME CONSTRAINT missing TO other;
-- a_schema
ALTER TABLE t SET SCHEMA names_moved_to;
SELECT definition();
ALTER TYPE pair SET SCHEMA names_moved_to;
ALTER TYPE names_moved_to.pair RENAME TO two;
SELECT definition();
-- by_the_text_it_can_be_defined_once_more
SELECT definition() AS query \gset
SELECT pgtrickle.create_stream_table('again', :'query', '520w');
SELECT * FROM again ORDER BY v;

DROP SCHEMA names_moved_with_tables, names_moved_to CASCADE;
