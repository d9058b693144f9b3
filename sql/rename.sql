-- A definition survives renames: its text is changed in the same transaction, and refers to the same relations.
CREATE SCHEMA rn_a;
CREATE TABLE rn_a.source (id int PRIMARY KEY, n int);
INSERT INTO rn_a.source VALUES (1, 10);
CREATE FUNCTION rn_a.twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE TYPE rn_a.mood AS ENUM ('good', 'bad');
CREATE VIEW rn_a.vista AS SELECT id, n FROM rn_a.source;
SET search_path = rn_a, public;
CREATE FOREIGN TABLE public.rn_st () SERVER pgtrickle
  OPTIONS (query $$SELECT id, twice(n) AS m, 'good'::mood AS mood FROM source$$, schedule '520w');
CREATE FOREIGN TABLE public.rn_of_view () SERVER pgtrickle OPTIONS (query 'SELECT n FROM vista', schedule '520w');
CREATE FOREIGN TABLE public.rn_reader () SERVER pgtrickle OPTIONS (query 'SELECT sum(m) AS s FROM rn_st', schedule '520w');
RESET search_path;
CREATE FUNCTION rn_query(st text) RETURNS text LANGUAGE sql
  AS 'SELECT regexp_replace(defining_query, ''\s+'', '' '', ''g'') FROM pgtrickle.pgt_stream_tables WHERE pgt_name = st';
SELECT rn_query('rn_st');

ALTER TABLE rn_a.source RENAME TO origin;
ALTER TABLE rn_a.origin RENAME COLUMN n TO number;
ALTER FUNCTION rn_a.twice RENAME TO doubled;
ALTER TYPE rn_a.mood RENAME TO feeling;
SELECT rn_query('rn_st');
CREATE SCHEMA rn_b;
ALTER TABLE rn_a.origin SET SCHEMA rn_b;
ALTER FUNCTION rn_a.doubled SET SCHEMA rn_b;
ALTER TYPE rn_a.feeling SET SCHEMA rn_b;
ALTER SCHEMA rn_b RENAME TO rn_c;
ALTER VIEW rn_a.vista RENAME TO few;
SELECT rn_query('rn_st');
SELECT rn_query('rn_of_view');

-- names_of_the_first_branch_of_a_set_operation
CREATE TABLE rn_more (g text, v int);
CREATE FOREIGN TABLE rn_set () SERVER pgtrickle OPTIONS (schedule '520w',
  query '(SELECT g, count(*) AS n FROM rn_more GROUP BY g EXCEPT SELECT g, 3 FROM rn_more) UNION ALL SELECT g, 4 FROM rn_more ORDER BY 1');
CREATE FOREIGN TABLE rn_declared (name text) SERVER pgtrickle OPTIONS (query 'SELECT upper(g) FROM rn_more UNION SELECT g FROM rn_more', schedule '520w');
ALTER FOREIGN TABLE rn_set RENAME COLUMN n TO m;
SELECT rn_query('rn_set');
SELECT rn_query('rn_declared');
ALTER TABLE rn_more ALTER g TYPE varchar(50), ALTER v TYPE bigint;
INSERT INTO rn_more VALUES ('a', 1);
SELECT pgtrickle.refresh_stream_table('rn_set');
SELECT * FROM rn_set ORDER BY m;
SELECT * FROM rn_declared ORDER BY name;
DROP TABLE rn_more CASCADE;

-- types_that_only_the_text_names: of an array constructor, of a cast by a function, of rows of a table
CREATE SCHEMA rn_m;
CREATE TYPE rn_m.mood AS ENUM ('sad', 'ok');
CREATE TYPE rn_m.pair AS (x int, y int);
CREATE FUNCTION rn_m.pair_of(int) RETURNS rn_m.pair IMMUTABLE LANGUAGE sql AS 'SELECT $1, $1';
CREATE CAST (int AS rn_m.pair) WITH FUNCTION rn_m.pair_of(int);
CREATE TABLE rn_line (sku text, qty int);
CREATE TABLE rn_lines (id int PRIMARY KEY, v varchar(5), es rn_m.mood[], ls rn_line[]);
CREATE FOREIGN TABLE rn_types () SERVER pgtrickle OPTIONS (schedule '520w',
  query $$SELECT id, v, coalesce(es, ARRAY[]::rn_m.mood[]) AS es, coalesce(ls, '{}'::rn_line[]) AS ls, id::rn_m.pair AS p FROM rn_lines$$);
ALTER TYPE rn_m.mood RENAME TO feeling;
ALTER TYPE rn_m.pair RENAME TO two;
ALTER TABLE rn_line RENAME TO rn_item;
SELECT rn_query('rn_types');
ALTER SCHEMA rn_m RENAME TO rn_n;
SELECT rn_query('rn_types');
ALTER TABLE rn_lines ALTER v TYPE varchar(9);
DROP TABLE rn_lines CASCADE;
DROP TABLE rn_item;
DROP SCHEMA rn_n CASCADE;

-- alter_index_renames_a_table, as PostgreSQL accepts
ALTER INDEX rn_c.origin RENAME TO root;
SELECT rn_query('rn_st');
ALTER INDEX rn_c.root RENAME TO origin;
SELECT rn_query('rn_st');

-- old_name_is_taken_by_another_table
CREATE TABLE rn_a.source (id int PRIMARY KEY, n int);
INSERT INTO rn_a.source VALUES (99, 99);
INSERT INTO rn_c.origin VALUES (2, 20);
SELECT pgtrickle.refresh_stream_table('rn_reader');
SELECT * FROM rn_st ORDER BY id;
SELECT pgtrickle.refresh_stream_table('rn_of_view');
SELECT * FROM rn_of_view ORDER BY n;

-- stream_table_itself and its columns
ALTER FOREIGN TABLE rn_st RENAME TO rn_other;
ALTER FOREIGN TABLE rn_other RENAME COLUMN m TO measure;
ALTER FOREIGN TABLE rn_other SET SCHEMA rn_a;
SELECT rn_query('rn_other'), rn_query('rn_reader');
UPDATE rn_c.origin SET number = 100 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('rn_reader');
SELECT * FROM rn_a.rn_other ORDER BY id;
SELECT * FROM rn_reader;
ALTER FOREIGN TABLE rn_a.rn_other RENAME COLUMN measure TO pgt_count;

-- an_index_gets_the_name_of_a_constraint
CREATE TABLE rn_indexed (id int NOT NULL, n int);
CREATE UNIQUE INDEX rn_index ON rn_indexed (id);
CREATE UNIQUE INDEX rn_second ON rn_indexed (n);
CREATE FOREIGN TABLE rn_of_indexes () SERVER pgtrickle
  OPTIONS (query $$SELECT id, 'rn_index'::regclass AS i, 'rn_second'::regclass AS s FROM rn_indexed$$, schedule '520w');
ALTER TABLE rn_indexed ADD CONSTRAINT rn_key PRIMARY KEY USING INDEX rn_index;
SELECT rn_query('rn_of_indexes');
ALTER TABLE rn_indexed ADD more int, ADD CONSTRAINT rn_both UNIQUE USING INDEX rn_second;
SELECT rn_query('rn_of_indexes');
INSERT INTO rn_indexed VALUES (1, 1);
SELECT pgtrickle.refresh_stream_table('rn_of_indexes');
SELECT * FROM rn_of_indexes;
DROP TABLE rn_indexed CASCADE;

-- rollback_of_a_rename
BEGIN;
ALTER TABLE rn_c.origin RENAME TO never;
SELECT rn_query('rn_other');
ROLLBACK;
SELECT rn_query('rn_other');
DROP SCHEMA rn_a, rn_c CASCADE;
DROP FUNCTION rn_query;
SELECT count(*) FROM pgtrickle.pgt_state;
