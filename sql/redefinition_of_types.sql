-- A change of the text form of a type's values reinitialises the stream tables that convert them to text, also as columns,
-- domains, arrays and whole rows.
CREATE TYPE rt_mood AS ENUM ('sad', 'ok');
CREATE DOMAIN rt_moods AS rt_mood[];
CREATE TYPE rt_pair AS (a int);
CREATE TABLE rt_source (id int PRIMARY KEY, m rt_mood, ms rt_moods, p rt_pair);
INSERT INTO rt_source VALUES (1, 'sad', '{sad}', ROW(1));
CREATE FOREIGN TABLE rt_text (m text, n bigint) SERVER pgtrickle
    OPTIONS (query 'SELECT m::text, count(*) FROM rt_source GROUP BY 1', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE rt_array (ms text) SERVER pgtrickle
    OPTIONS (query 'SELECT ms::text FROM rt_source', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE rt_json (p jsonb) SERVER pgtrickle
    OPTIONS (query 'SELECT to_jsonb(p) FROM rt_source', schedule '520w', refresh_mode 'DIFFERENTIAL');
SET pg_trickle.max_staleness = 0;

-- a label is renamed
ALTER TYPE rt_mood RENAME VALUE 'sad' TO 'blue';
INSERT INTO rt_source VALUES (2, 'blue', '{blue,ok}', ROW(2));
SELECT * FROM rt_text;
SELECT * FROM rt_array ORDER BY ms;

-- an attribute is renamed, added
ALTER TYPE rt_pair RENAME ATTRIBUTE a TO b;
SELECT * FROM rt_json ORDER BY p;
ALTER TYPE rt_pair ADD ATTRIBUTE c int;
SELECT * FROM rt_json ORDER BY p;
DROP FOREIGN TABLE rt_text, rt_array, rt_json;

-- results_of_functions_and_operators
CREATE TYPE rt_two AS (x int, y text);
CREATE TYPE rt_level AS ENUM ('low', 'high');
CREATE FUNCTION rt_two_of(int) RETURNS rt_two IMMUTABLE LANGUAGE sql AS $$ SELECT $1, 'q'::text $$;
CREATE FUNCTION rt_level_of(n int) RETURNS rt_level IMMUTABLE LANGUAGE sql
  BEGIN ATOMIC SELECT CASE WHEN n > 0 THEN 'high'::rt_level ELSE 'low'::rt_level END; END;
CREATE OPERATOR @@~ (FUNCTION = rt_level_of, RIGHTARG = int);
CREATE TABLE rt_numbers (id int PRIMARY KEY, n int);
INSERT INTO rt_numbers VALUES (1, 0);
CREATE FOREIGN TABLE rt_of_function (id int, j jsonb, m text, o text) SERVER pgtrickle
    OPTIONS (query 'SELECT id, to_jsonb(rt_two_of(n)), rt_level_of(n)::text, (@@~ n)::text FROM rt_numbers', schedule '520w');
CREATE FOREIGN TABLE rt_rows_of_function (id int, j jsonb) SERVER pgtrickle
    OPTIONS (query 'SELECT id, to_jsonb(r) FROM rt_numbers, rt_two_of(n) r', schedule '520w');
CREATE TYPE rt_placed AS (n int, l rt_level);
CREATE TYPE rt_levels AS RANGE (SUBTYPE = rt_level);
CREATE FOREIGN TABLE rt_literals (id int, p text, r text) SERVER pgtrickle OPTIONS (schedule '520w',
    query $$SELECT id, CASE WHEN n = 0 THEN '(1,low)'::rt_placed END::text, CASE WHEN n = 0 THEN '[low,high]'::rt_levels END::text FROM rt_numbers$$);
ALTER TYPE rt_two RENAME ATTRIBUTE x TO z;
ALTER TYPE rt_level RENAME VALUE 'low' TO 'deep';
INSERT INTO rt_numbers VALUES (2, 0);
SELECT * FROM rt_literals ORDER BY id;
SELECT defining_query LIKE '%(1,deep)%[deep,high]%' FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'rt_literals';
SELECT * FROM rt_of_function ORDER BY id;
SELECT * FROM rt_rows_of_function ORDER BY id;
DROP TABLE rt_numbers CASCADE;
DROP OPERATOR @@~ (NONE, int);
DROP FUNCTION rt_two_of, rt_level_of;
DROP TYPE rt_two, rt_placed, rt_levels, rt_level;

-- whole rows that a full refresh reads, also through a view
CREATE TABLE rt_rows (id int PRIMARY KEY, x int);
INSERT INTO rt_rows VALUES (1, 2);
CREATE VIEW rt_view AS SELECT to_jsonb(r) AS j FROM rt_rows r;
CREATE FOREIGN TABLE rt_whole (j jsonb) SERVER pgtrickle
    OPTIONS (query 'SELECT to_jsonb(r) FROM rt_rows r', schedule '520w', refresh_mode 'FULL');
CREATE FOREIGN TABLE rt_whole_by_view (j jsonb) SERVER pgtrickle
    OPTIONS (query 'SELECT j FROM rt_view', schedule '520w', refresh_mode 'FULL');
ALTER TABLE rt_rows RENAME x TO y;
SELECT * FROM rt_whole, rt_whole_by_view;
ALTER TABLE rt_rows ADD COLUMN z int DEFAULT 3;
SELECT * FROM rt_whole, rt_whole_by_view;
UPDATE rt_rows SET z = 4;
SELECT * FROM rt_whole, rt_whole_by_view;
ALTER TABLE rt_rows DROP COLUMN y, ALTER COLUMN z TYPE bigint;
INSERT INTO rt_rows VALUES (2, 5);
SELECT w.j, v.j FROM rt_whole w JOIN rt_whole_by_view v ON w.j = v.j ORDER BY 1;

RESET pg_trickle.max_staleness;
SET client_min_messages = warning;
DROP TABLE rt_source, rt_rows CASCADE;
DROP TYPE rt_mood, rt_pair CASCADE;
RESET client_min_messages;
