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

-- rollback_of_a_rename
BEGIN;
ALTER TABLE rn_c.origin RENAME TO never;
SELECT rn_query('rn_other');
ROLLBACK;
SELECT rn_query('rn_other');
DROP SCHEMA rn_a, rn_c CASCADE;
DROP FUNCTION rn_query;
SELECT count(*) FROM pgtrickle.pgt_state;
