-- Keys and values of domains over enumerations: GROUP BY, PARTITION BY and ORDER BY use the operators of the base type,
-- which the parser does not find for the domain. Domains over arrays, ranges and rows are compared as their base types.
SET client_min_messages = warning;
CREATE SCHEMA domains_over_enumerations;
SET search_path = domains_over_enumerations, public;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, m mood);
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN "my Feeling" AS feeling CHECK (VALUE::text <> 'unknown');
CREATE DOMAIN feelings AS feeling[];
CREATE DOMAIN span AS int4range;
CREATE DOMAIN spans AS int4multirange;
CREATE DOMAIN couple AS pair;
CREATE TABLE item (id int PRIMARY KEY, g int, v int, f feeling, d "my Feeling", a feelings, r span, m spans, p couple);
CREATE FUNCTION nth(text[], int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT nullif($1[1 + $2 % cardinality($1)], ''-'')';
CREATE FUNCTION add_items(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO item SELECT g, g % 3, g % 7, nth('{sad,ok,-,happy}', g)::mood, nth('{sad,ok,-,happy}', g / 2)::mood, nth('{"{}","{ok}","{ok,sad}",-}', g)::feelings,
    nth('{empty,"[1,3)","[1,4)",-}', g)::int4range, nth('{"{}","{[1,3)}","{[1,4)}",-}', g)::int4multirange, nth('{"(1,ok)","(2,ok)","(2,)",-}', g)::pair
    FROM generate_series(first, last) g $$;
SELECT add_items(1, 40);
CREATE INDEX ON item (g, v);
CREATE INDEX ON item (f, v);
CREATE TABLE defined AS SELECT format('%s_of_%s', name, kind) AS name, format(query, kind) AS query
  FROM unnest('{f,d,a,r,m,p}'::text[]) kind, (VALUES
    ('rows_of_partition', 'SELECT id, %1$I AS k, count(*) OVER (PARTITION BY %1$I) AS n FROM item'),
    ('first_of_each', 'SELECT DISTINCT ON (%1$I) %1$I, id FROM item ORDER BY %1$I, id'),
    ('order', 'SELECT id, lag(id) OVER (ORDER BY %1$I, id) AS before FROM item'),
    ('value_before', 'SELECT id, lag(%1$I) OVER (PARTITION BY g ORDER BY id) AS before FROM item'),
    ('recomputed_group', 'SELECT %1$I, array_agg(id ORDER BY id) AS ids FROM item GROUP BY %1$I'),
    ('recomputed_groups', 'SELECT %1$I, g, array_agg(id ORDER BY id) AS ids FROM item GROUP BY %1$I, g'),
    ('extremes', 'SELECT %1$I, min(v) AS low, max(v) AS high FROM item GROUP BY %1$I'),
    ('window_of_groups', 'SELECT %1$I, g, rank() OVER (PARTITION BY %1$I ORDER BY sum(id)) AS place FROM item GROUP BY %1$I, g'),
    ('first_rows', 'SELECT * FROM (SELECT id, %1$I, row_number() OVER (PARTITION BY %1$I ORDER BY v, id) AS place FROM item) q WHERE place <= 2'),
    ('first_of_all', 'SELECT id, %1$I FROM item ORDER BY %1$I DESC, id LIMIT 5'),
    ('correlated', 'SELECT o.id, (SELECT i.id FROM item i WHERE coalesce(i.%1$I, o.%1$I) IS NOT NULL AND i.g = o.g ORDER BY i.id LIMIT 1) AS first FROM item o'),
    ('difference', 'SELECT %1$I FROM item WHERE g = 1 EXCEPT SELECT %1$I FROM item WHERE v = 1')) q(name, query)
  UNION ALL SELECT format('recursion_of_%s', kind), format('WITH RECURSIVE w AS (SELECT %1$I, v FROM item WHERE id < 20 UNION SELECT item.%1$I, item.v FROM w JOIN item ON item.id = w.v) SELECT * FROM w', kind)
  FROM unnest('{f,d}'::text[]) kind
  UNION ALL VALUES ('elements', 'SELECT id, e, count(*) OVER (PARTITION BY e) AS n FROM item, unnest(a) e');
SELECT pgtrickle.create_stream_table('domains_over_enumerations.' || name, query, '520w', 'DIFFERENTIAL') FROM defined \g /dev/null

-- rows_come
SELECT add_items(41, 52) \g /dev/null
SELECT * FROM test.wrong('defined', true);
-- values_change
UPDATE item SET f = 'ok', d = NULL, a = '{sad}', r = '[1,4)', m = '{}', p = NULL WHERE id % 7 = 3;
SELECT * FROM test.wrong('defined', true);
-- rows_go
DELETE FROM item WHERE id % 5 = 1;
SELECT * FROM test.wrong('defined', true);
-- base_type_is_renamed
ALTER TYPE mood RENAME TO "Mood";
UPDATE item SET f = 'happy', d = 'sad' WHERE id % 4 = 2;
SELECT * FROM test.wrong('defined', true);
DROP SCHEMA domains_over_enumerations CASCADE;
