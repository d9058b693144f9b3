-- Keys whose equal values have different images: a group shows an image of one of its rows.
SET client_min_messages = warning;
CREATE SCHEMA keys_library;
CREATE EXTENSION citext SCHEMA keys_library;
CREATE SCHEMA keys_of_equal_values;
SET search_path = keys_of_equal_values, keys_library;
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE pair AS (a numeric, b text);
CREATE TABLE t (id int PRIMARY KEY, c citext, f float8, n numeric, i interval, k text COLLATE folded, a numeric[], r numrange, p pair, j jsonb, b bpchar, ts tsvector, x xid, bits varbit, ca citext[]);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept SELECT 'by_' || col, format('SELECT %1$s, count(*) AS rows, sum(id) AS s, min(n) AS low FROM t GROUP BY %1$s', col) FROM unnest('{c,f,n,i,k,a,r,p,j,b,ts,x,bits,ca}'::text[]) col;
INSERT INTO kept VALUES
  ('two_keys', 'SELECT c, n, count(*) FROM t GROUP BY c, n'),
  ('distinct_rows', 'SELECT DISTINCT c, f, k FROM t'),
  ('united', 'SELECT c FROM t UNION SELECT k::citext FROM t'),
  ('counted_again', 'SELECT m, count(*) FROM (SELECT c, count(*) AS m FROM t GROUP BY c) q GROUP BY m'),
  ('extrema', 'SELECT c, max(f), max(c) AS mc, array_agg(id ORDER BY id) FROM t GROUP BY c'),
  ('rolled_up', 'SELECT c, n, count(*) FROM t GROUP BY ROLLUP (c, n)');

-- Returns the images that a group shows and no row of the table has.
CREATE FUNCTION strange_images() RETURNS TABLE (name text, image text) LANGUAGE plpgsql AS $$
DECLARE col text;
BEGIN
  FOREACH col IN ARRAY '{c,f,n,i,k,a,r,p,j,b,ts,x,bits,ca}'::text[] LOOP
    RETURN QUERY EXECUTE format('SELECT %1$L, %1$s::text COLLATE "C" FROM by_%1$s EXCEPT SELECT %1$L, %1$s::text COLLATE "C" FROM t', col);
  END LOOP;
  RETURN QUERY SELECT 'two_keys', ROW(q.c, q.n)::text COLLATE "C" FROM two_keys q EXCEPT SELECT 'two_keys', ROW(q.c, q.n)::text COLLATE "C" FROM t q;
  RETURN QUERY SELECT 'distinct_rows', ROW(q.c, q.f, q.k)::text COLLATE "C" FROM distinct_rows q EXCEPT SELECT 'distinct_rows', ROW(q.c, q.f, q.k)::text COLLATE "C" FROM t q;
END $$;
-- Inserts a value in one of its images.
CREATE PROCEDURE put(id int, v int, image int) LANGUAGE sql AS $$
  INSERT INTO t SELECT id, (ARRAY['ab', 'AB', 'aB'])[image] || v, CASE WHEN v = 0 THEN (ARRAY['0', '-0', '0'])[image] WHEN v = 1 THEN 'NaN' ELSE v::text END::float8,
    (v || (ARRAY['.0', '.00', ''])[image])::numeric, (ARRAY[v || ' mon', 30 * v || ' days', 720 * v || ' hours'])[image]::interval, (ARRAY['ab', 'AB', 'aB'])[image] || v,
    ARRAY[v, (v || (ARRAY['.0', '.00', ''])[image])::numeric], numrange((v || (ARRAY['.0', '.00', ''])[image])::numeric, 100), ROW((v || (ARRAY['.0', '.00', ''])[image])::numeric, NULL)::pair,
    ('[' || v || (ARRAY['.0', '.00', ''])[image] || ']')::jsonb, v || repeat(' ', image), ('a' || v)::tsvector, v::text::xid, v::bit(9), ARRAY[(ARRAY['ab', 'AB', 'aB'])[image] || v, NULL]::citext[] $$;
CALL put(1, 0, 1); CALL put(2, 0, 2); CALL put(3, 1, 1); CALL put(4, 2, 2); CALL put(5, 2, 1); CALL put(6, 2, 1);
INSERT INTO t (id) VALUES (7), (8);
SELECT pgtrickle.create_stream_table('keys_of_equal_values.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- filled
SELECT * FROM test.wrong('kept');
SELECT * FROM strange_images();
-- more_images
CALL put(11, 0, 3); CALL put(12, 1, 2); CALL put(13, 3, 3); CALL put(14, 3, 1);
SELECT * FROM test.wrong('kept');
SELECT * FROM strange_images();
-- the_last_copy_of_each_image_goes
DELETE FROM t WHERE id IN (1, 3);
SELECT * FROM test.wrong('kept');
SELECT * FROM strange_images();
DELETE FROM t WHERE id IN (2, 4, 13);
SELECT * FROM test.wrong('kept');
SELECT * FROM strange_images();
-- an_image_comes_and_goes_in_one_refresh
CALL put(21, 2, 3); CALL put(22, 0, 1);
DELETE FROM t WHERE id IN (21, 6);
SELECT * FROM test.wrong('kept');
SELECT * FROM strange_images();
-- images_change_in_place_and_nulls_come
UPDATE t SET c = upper(c), n = n + 0.000, f = -f, k = upper(k);
INSERT INTO t (id, p, a, ca) VALUES (31, ROW(NULL, NULL), '{NULL}', '{}');
SELECT * FROM test.wrong('kept');
SELECT * FROM strange_images();
-- a_row_of_nulls_is_no_null
DELETE FROM t WHERE id IN (7, 8);
SELECT * FROM test.wrong('kept');
SELECT p, rows FROM by_p WHERE p IS NULL;
DELETE FROM t WHERE id % 2 = 1;
SELECT * FROM test.wrong('kept');
SELECT * FROM strange_images();
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('keys_of_equal_values.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
-- a_difference_shows_values_of_its_left_side
CREATE TABLE lefts (v citext, n numeric);
CREATE TABLE rights (LIKE lefts);
INSERT INTO lefts VALUES ('bob', 1.0), ('bob', 1.0), ('carol', 2), ('Dave', 3.0), ('dave', 3.00);
INSERT INTO rights VALUES ('BOB', 1.00), ('CAROL', 5), ('EVE', 6);
CREATE TABLE differences (name text, query text);
INSERT INTO differences VALUES ('every_copy', 'SELECT v, n FROM lefts EXCEPT ALL SELECT v, n FROM rights'), ('once', 'SELECT v, n FROM lefts EXCEPT SELECT v, n FROM rights');
SELECT pgtrickle.create_stream_table('keys_of_equal_values.' || name, query, '520w', 'DIFFERENTIAL') FROM differences \g /dev/null
CREATE VIEW strange AS SELECT ROW(d.*)::text COLLATE "C" AS image FROM (TABLE every_copy UNION ALL TABLE once) d EXCEPT SELECT ROW(l.*)::text COLLATE "C" FROM lefts l;
SELECT * FROM test.wrong('differences');
SELECT * FROM every_copy ORDER BY v;
TABLE strange;
INSERT INTO rights VALUES ('DAVE', 3), ('DAVE', 3.000);
DELETE FROM lefts WHERE v::text = 'Dave';
INSERT INTO lefts VALUES ('eve', 6.0), ('Eve', 6);
INSERT INTO rights VALUES ('Bob', 1);
SELECT * FROM test.wrong('differences');
SELECT * FROM every_copy ORDER BY v;
TABLE strange;
DELETE FROM lefts WHERE v::text = 'Eve';
DELETE FROM rights;
SELECT * FROM test.wrong('differences');
SELECT * FROM every_copy ORDER BY v;
TABLE strange;
UPDATE lefts SET v = upper(v), n = n * 1.0;
INSERT INTO rights VALUES ('eve', 6);
SELECT * FROM test.wrong('differences');
TABLE strange;
DROP SCHEMA keys_of_equal_values, keys_library CASCADE;
