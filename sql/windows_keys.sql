-- Partition and sort keys of types whose equality is not identity, or not in pg_catalog.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE SCHEMA windows_keys;
SET search_path = windows_keys, public;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN code AS text CHECK (length(VALUE) < 9);
CREATE TYPE pair AS (a int, b text);
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE item (id int PRIMARY KEY, c citext, m mood, f float8, n numeric, d code, r int4range, p pair, a int[], o text COLLATE nocase, "quoted ""name" int, b bit(4), v varbit);
CREATE FUNCTION nth(text[], int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT nullif($1[1 + $2 % cardinality($1)], ''-'')';
CREATE FUNCTION add_items(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO item SELECT g, nth('{A,a,b,B,-}', g)::citext, nth('{sad,ok,-,happy}', g)::mood, nth('{0,-0,NaN,Infinity,1.5,-}', g)::float8,
    nth('{1.0,1.00,1,-,NaN}', g)::numeric, nth('{x,y,-}', g)::code, nth('{empty,"[1,3)","[1,2]",-}', g)::int4range,
    CASE WHEN g % 4 > 0 THEN (g % 2, nth('{a,-}', g / 2))::windows_keys.pair END, nth('{"{}","{1}","{1,NULL}",-}', g)::int[], nth('{x,X,y,-}', g), g % 3,
    nth('{1001,0000,-}', g)::bit(4), nth('{1001,100,10010,-}', g)::varbit
    FROM generate_series(first, last) g $$;
SELECT add_items(1, 60);
CREATE TABLE defined AS SELECT 'by_' || name AS name, format('SELECT id, %1$s%2$s AS k, count(*) OVER (PARTITION BY %1$s) AS c, sum(id) OVER (PARTITION BY %1$s ORDER BY id DESC) AS s FROM item', quote_ident(column_name), as_text) AS query
  FROM (VALUES ('citext', 'c', '::text'), ('enum', 'm', ''), ('float', 'f', ''), ('numeric', 'n', ''), ('domain', 'd', ''), ('range', 'r', ''), ('row', 'p', ''), ('array', 'a', ''), ('collation', 'o', ''), ('bits', 'b', ''), ('varying_bits', 'v', ''), ('quoted', 'quoted "name', '')) t(name, column_name, as_text)
  UNION ALL VALUES ('by_several', 'SELECT c::text AS c, n, rank() OVER (PARTITION BY c, m, n ORDER BY id) AS r FROM item'),
    ('one_by_bits_of_two', 'SELECT id, rank() OVER (PARTITION BY m ORDER BY id) AS r, count(*) OVER (PARTITION BY b) AS n, max(id) OVER (PARTITION BY v) AS x FROM item'),
    ('not_shown', 'SELECT rank() OVER (PARTITION BY c, f ORDER BY id) AS r FROM item'),
    ('first_of_each', 'SELECT DISTINCT ON (c) id, c::text AS t FROM item ORDER BY c, id'),
    ('first_rows', 'SELECT id, f, o FROM item ORDER BY o DESC, f, p, id LIMIT 7'),
    ('ordered', 'SELECT id, rank() OVER (PARTITION BY m ORDER BY c, n DESC, id) AS r FROM item'),
    ('of_ranges', 'SELECT id, count(*) OVER (PARTITION BY m ORDER BY f RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS n FROM item');
SELECT pgtrickle.create_stream_table('windows_keys.' || name, query, '520w', 'DIFFERENTIAL') FROM defined \g /dev/null

-- compared as texts, because 1.0 is not 1.00
-- filled
SELECT * FROM test.wrong('defined', true);
-- rows_come
SELECT add_items(100, 111) \g /dev/null
SELECT * FROM test.wrong('defined', true);
-- an_image_changes_and_its_value_does_not
UPDATE item SET c = upper(c::text)::citext, f = -f, o = upper(o) WHERE id % 5 = 0;
UPDATE item SET n = n + 0.000 WHERE id % 7 = 0;
SELECT * FROM test.wrong('defined', true);
-- rows_go
DELETE FROM item WHERE id % 4 = 1;
SELECT * FROM test.wrong('defined', true);
UPDATE item SET c = NULL, m = NULL, f = NULL, n = NULL, d = NULL, r = NULL, p = NULL, a = NULL, o = NULL, "quoted ""name" = NULL WHERE id % 9 = 2;
SELECT * FROM test.wrong('defined', true);
DELETE FROM item WHERE c IS NULL OR m = 'ok';
SELECT * FROM test.wrong('defined', true);
DROP SCHEMA windows_keys CASCADE;
DROP EXTENSION citext;
