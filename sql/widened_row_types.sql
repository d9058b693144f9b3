-- A row type that gets a column: rows of functions and ROW(…)::type keep the columns that the query knows.
SET client_min_messages = warning;
CREATE SCHEMA widened_row_types;
SET search_path = widened_row_types;
CREATE TABLE made (a int, gone int, b int);
ALTER TABLE made DROP COLUMN gone;
CREATE TYPE pair AS (p int, q text);
CREATE FUNCTION rows_of(int) RETURNS SETOF made IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE r widened_row_types.made;
BEGIN r.a = $1; r.b = $1 * 10; RETURN NEXT r; RETURN NEXT r; END $$;
CREATE FUNCTION pairs_of(int) RETURNS SETOF pair IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE r widened_row_types.pair;
BEGIN r.p = $1; r.q = 'q' || $1; RETURN NEXT r; END $$;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1), (2, 2), (3, NULL);
CREATE VIEW numbered_view AS SELECT id, f.a, f.b, f.n FROM t, rows_of(v) WITH ORDINALITY f(a, b, n);
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('numbered', 'SELECT id, f.a, f.b, f.n FROM t, rows_of(v) WITH ORDINALITY f(a, b, n)'),
  ('numbered_in_view', 'SELECT * FROM numbered_view'),
  ('lockstep', 'SELECT id, x.* FROM t, ROWS FROM (pairs_of(v), generate_series(1, v), rows_of(v)) WITH ORDINALITY x(p, q, g, a, b, o)'),
  ('left_joined', 'SELECT id, f.a, f.n FROM t LEFT JOIN rows_of(v) WITH ORDINALITY f(a, b, n) ON f.n > 1'),
  ('whole_rows', 'SELECT id, (f).a, (f).b, f IS NULL AS is_null FROM t LEFT JOIN rows_of(v) f ON f.a > 1'),
  ('whole_row', 'SELECT id, to_jsonb(f) ->> ''b'' AS b FROM t, rows_of(v) f'),
  ('constructed', 'SELECT id, (ROW(v, ''x'')::pair).q AS q, ROW(id, ''y'')::pair = ROW(v, ''y'')::pair AS is_same FROM t'),
  ('compared', 'SELECT id FROM t WHERE ROW(v, ''x'')::pair <> ROW(2, ''x'')::pair');
SELECT pgtrickle.create_stream_table('widened_row_types.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- Only the views read ROW(…)::pair as it was.
SELECT format('CREATE VIEW %I AS %s', 'view_' || name, query) FROM kept \gexec
UPDATE kept SET query = format('SELECT * FROM %I', 'view_' || name);
SELECT * FROM test.wrong('kept');
-- types_get_columns
ALTER TABLE made ADD COLUMN note bigint DEFAULT 77, ADD COLUMN short varchar(3);
ALTER TYPE pair ADD ATTRIBUTE z varchar(5), ADD ATTRIBUTE y int;
INSERT INTO t VALUES (4, 4);
UPDATE t SET v = v + 1 WHERE id = 2;
SELECT * FROM test.wrong('kept');
SELECT * FROM numbered WHERE id < 4 ORDER BY id, n;
\c -
SET search_path = widened_row_types;
SET client_min_messages = warning;
DELETE FROM t WHERE id = 1;
SELECT * FROM test.wrong('kept');
-- and_are_read_by_new_queries
INSERT INTO kept VALUES ('wide', 'SELECT id, f.a, f.b, f.note, f.n FROM t, rows_of(v) WITH ORDINALITY f(a, b, note, short, n)');
SELECT pgtrickle.create_stream_table('widened_row_types.wide', query, '520w', 'DIFFERENTIAL') FROM kept WHERE name = 'wide' \g /dev/null
-- known_columns_are_dropped_and_others_added
ALTER TABLE made DROP COLUMN short;
ALTER TABLE made ADD COLUMN after text;
ALTER TYPE pair DROP ATTRIBUTE z, ADD ATTRIBUTE w int;
UPDATE t SET v = 7 WHERE id = 2;
SELECT * FROM test.wrong('kept');
-- definitions_can_be_set_up_again
SELECT count(pgtrickle.repair_stream_table('widened_row_types.' || name)) FROM kept;
SELECT * FROM test.wrong('kept');
DROP SCHEMA widened_row_types CASCADE;
