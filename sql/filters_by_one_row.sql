-- Rows compared with the value of an uncorrelated scalar subquery: when the value changes, the rows between the old and the new
-- value appear or disappear.
SET client_min_messages = warning;
CREATE SCHEMA filters_by_one_row;
CREATE EXTENSION citext SCHEMA filters_by_one_row;
SET search_path = filters_by_one_row;
CREATE DOMAIN level AS int;
CREATE TYPE size AS ENUM ('s', 'm', 'l', 'xl');
CREATE TABLE v (id int PRIMARY KEY, i int, n numeric, f float8, t text, c text COLLATE "C", ci citext, d date, a int[], l level, z size, ch char(3));
CREATE TABLE s (id int PRIMARY KEY, i bigint, n numeric, f float4, t text, ci citext, ts timestamp, a int[], z size);
CREATE INDEX ON v (i);
CREATE INDEX ON v (n);
CREATE INDEX ON v (f);
CREATE INDEX ON v (t);
CREATE INDEX ON v ((i + 1));
INSERT INTO v SELECT g, nullif(g % 13, 5), g / 7.0, g % 11, 'a' || g % 9, CASE g % 3 WHEN 0 THEN 'b' WHEN 1 THEN 'B' END || g % 5,
    CASE g % 2 WHEN 0 THEN 'x' ELSE 'X' END || g % 6, date '2020-01-01' + g % 12, ARRAY[g % 4, g % 3], g % 8, (enum_range(NULL::size))[1 + g % 4], 'a' || g % 5
  FROM generate_series(1, 200) g;
INSERT INTO v (id, n, f) VALUES (301, 'NaN', 'NaN'), (302, 'Infinity', '-Infinity'), (303, -1.00, '-0'), (304, NULL, NULL);
INSERT INTO s VALUES (1, 4, 3.5, 2, 'a2', 'X2', '2020-01-04 12:00', ARRAY[1], 'm');
CREATE TABLE kept (name text, query text);
INSERT INTO kept SELECT format('%s_%s', name, word), format('SELECT id, i FROM v WHERE ' || test, word)
  FROM (VALUES ('gt', '>'), ('ge', '>='), ('lt', '<'), ('le', '<='), ('ne', '<>'), ('eq', '=')) AS w(name_of_word, word),
  LATERAL (VALUES ('i_' || name_of_word, 'i %s (SELECT i FROM s WHERE id = 1)'), ('swapped_' || name_of_word, '(SELECT i FROM s WHERE id = 1) %s i'),
    ('n_' || name_of_word, 'n %s (SELECT n FROM s WHERE id = 1)'), ('f_' || name_of_word, 'f %s (SELECT f FROM s WHERE id = 1)'),
    ('t_' || name_of_word, 't %s (SELECT max(t) FROM s)'), ('collated_' || name_of_word, 'c %s (SELECT t COLLATE "C" FROM s WHERE id = 1)'),
    ('other_collation_' || name_of_word, 'c COLLATE "POSIX" %s (SELECT t FROM s WHERE id = 1)'), ('ci_' || name_of_word, 'ci %s (SELECT ci FROM s WHERE id = 1)'),
    ('d_' || name_of_word, 'd %s (SELECT ts FROM s WHERE id = 1)'), ('a_' || name_of_word, 'a %s (SELECT a FROM s WHERE id = 1)'),
    ('l_' || name_of_word, 'l %s (SELECT avg(i) FROM s)'), ('z_' || name_of_word, 'z %s (SELECT z FROM s WHERE id = 1)'),
    ('ch_' || name_of_word, 'ch %s (SELECT max(t)::char(3) FROM s)'), ('own_' || name_of_word, 'i %s (SELECT avg(i) FROM v WHERE id %% 2 = 0)')) AS t(name, test)
  WHERE word IN ('>', '<=') OR name LIKE 'i\_%';
UPDATE kept SET name = regexp_replace(name, '_[^a-z]+$', '');
INSERT INTO kept VALUES
  ('expressions', 'SELECT * FROM v WHERE i + 1 > 2 * (SELECT i FROM s WHERE id = 1) - (SELECT count(*) FROM s)'),
  ('between', 'SELECT id FROM v WHERE i BETWEEN (SELECT min(i) FROM s) AND (SELECT max(i) FROM s) + 2'),
  ('negated', 'SELECT id FROM v WHERE NOT i > (SELECT i FROM s WHERE id = 1)'),
  ('either', 'SELECT id FROM v WHERE i > (SELECT i FROM s WHERE id = 1) OR f < (SELECT f FROM s WHERE id = 1) OR i IS NULL'),
  ('of_no_row', 'SELECT id FROM v WHERE (SELECT count(*) FROM s) > 1'),
  ('is_null', 'SELECT id FROM v WHERE i > 3 AND (SELECT min(i) FROM s) IS NULL'),
  ('rows', 'SELECT id FROM v WHERE (i, n) > (SELECT i, n FROM s WHERE id = 1)'),
  ('elements', 'SELECT id FROM v WHERE i = ANY ((SELECT array_agg(i::int) FROM s)::int[])'),
  ('all_elements', 'SELECT i, max(t) AS t FROM v GROUP BY i HAVING max(t) > ALL ((SELECT array_agg(t) FROM s)::text[])'),
  ('patterns', 'SELECT id FROM v WHERE t LIKE (SELECT t FROM s WHERE id = 1)'),
  ('pattern_order', 'SELECT id FROM v WHERE t ~>~ (SELECT t FROM s WHERE id = 1)'),
  ('anti', 'SELECT id FROM v WHERE n > (SELECT avg(n) FROM v WHERE n < 100) AND NOT EXISTS (SELECT FROM s WHERE s.i = v.i)'),
  ('grouped', 'SELECT i, count(*), sum(n) FROM v WHERE f < 8 AND n < (SELECT avg(n) FROM v WHERE n < 100) GROUP BY i'),
  ('having', 'SELECT i, sum(id) FROM v GROUP BY i HAVING sum(id) > (SELECT sum(id) * 0.07 FROM v)'),
  ('having_counts', 'SELECT i, count(*) FROM v GROUP BY i HAVING count(*) >= (SELECT avg(n) FROM (SELECT count(*) AS n FROM v GROUP BY i) x)'),
  ('greatest', 'WITH r AS (SELECT i, sum(f) AS total FROM v WHERE f < 100 GROUP BY i) SELECT * FROM r WHERE total = (SELECT max(total) FROM r)'),
  ('of_unions', 'SELECT x FROM (SELECT i AS x FROM v UNION ALL SELECT i FROM s UNION ALL SELECT 3) u WHERE x > (SELECT i FROM s WHERE id = 1)'),
  ('of_joins', 'SELECT v.id, s.id AS s FROM v LEFT JOIN s ON s.i = v.i WHERE coalesce(s.n, v.n) < (SELECT n FROM s WHERE id = 1)'),
  ('nested', 'SELECT id FROM v WHERE i > (SELECT avg(i) FROM v WHERE i < (SELECT avg(i) FROM v WHERE n > (SELECT n FROM s WHERE id = 1)))'),
  ('in_subqueries', 'SELECT id, (SELECT count(*) FROM v w WHERE w.i = v.i AND w.n > (SELECT n FROM s WHERE id = 1)) AS c FROM v'),
  ('in_recursion', 'WITH RECURSIVE r AS (SELECT i FROM v WHERE id = 1 UNION SELECT r.i + 1 FROM r WHERE r.i < (SELECT i * 3 FROM s WHERE id = 1)) SELECT * FROM r');
SELECT count(pgtrickle.create_stream_table('filters_by_one_row.' || name, query, '520w', 'DIFFERENTIAL')) FROM kept;

CREATE FUNCTION wrong(change text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE change;
  RETURN QUERY SELECT w.stream_table FROM test.wrong('kept', true) w;
END $$;
SELECT change, w.* FROM unnest(ARRAY[
    'SELECT',
    -- the_value_rises
    $$UPDATE s SET i = 7, n = 12.5, f = 5, t = 'a5', ci = 'x4', ts = '2020-01-09', a = ARRAY[2, 1], z = 'l'$$,
    -- the_value_falls
    $$UPDATE s SET i = 2, n = 1, f = 1, t = 'B1', ci = 'x1', ts = '2020-01-02', a = ARRAY[0, 2], z = 's'$$,
    -- its_image_changes
    $$UPDATE s SET n = 1.00, f = '-0', ci = 'X1'$$,
    -- it_becomes_null
    $$UPDATE s SET i = NULL, n = NULL, f = NULL, t = NULL, ci = NULL, ts = NULL, a = NULL, z = NULL$$,
    -- its_row_is_deleted
    'DELETE FROM s',
    -- its_row_is_inserted_again
    $$INSERT INTO s VALUES (1, 6, 'NaN', 'NaN', 'b', 'X3', '2020-01-05', ARRAY[3], 'm')$$,
    -- from_nan_to_infinity
    $$UPDATE s SET n = 'Infinity', f = 'Infinity', a = ARRAY[NULL, 1]$$,
    $$UPDATE s SET n = '-Infinity', f = '-Infinity', a = '{}'$$,
    -- both_sides_change
    $$WITH x AS (UPDATE v SET i = i + 2, n = n + 1, f = f - 1, t = t || 'x', ci = 'y', d = d - 1 WHERE id % 7 = 0), y AS (DELETE FROM v WHERE id % 17 = 0)
      UPDATE s SET i = 8, n = 10, f = 4, t = 'a4', ci = 'y'$$,
    -- the_rows_alone
    $$UPDATE v SET i = 8, n = 10, f = 4, t = 'a4', ci = 'Y' WHERE id % 7 = 0$$,
    -- there_and_back
    $$WITH x AS (UPDATE s SET i = 9, n = 11) INSERT INTO s VALUES (2, 3, 4, 5, 'a', 'a', '2020-01-03')$$,
    'DELETE FROM v WHERE id % 2 = 0',
    'DELETE FROM v']) AS change, LATERAL wrong(change) w;
SELECT st.name, h.action FROM kept st, LATERAL (SELECT DISTINCT action FROM (SELECT action FROM pgtrickle.get_refresh_history('filters_by_one_row.' || st.name, 100) ORDER BY refresh_id OFFSET 1) x) h
  WHERE h.action NOT IN ('DIFFERENTIAL', 'NO_DATA') ORDER BY 1;

-- a_second_row_is_an_error
INSERT INTO v (id, i) VALUES (1, 1);
INSERT INTO kept VALUES ('second', 'SELECT id FROM v WHERE i < (SELECT i FROM s)');
DELETE FROM s WHERE id = 2;
SELECT pgtrickle.create_stream_table('filters_by_one_row.second', 'SELECT id FROM v WHERE i < (SELECT i FROM s)', '520w', 'DIFFERENTIAL');
INSERT INTO s VALUES (2, 3);
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('filters_by_one_row.second');
DELETE FROM s WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('filters_by_one_row.second');
SELECT * FROM second;
-- but_not_where_nothing_reads_it
SELECT pgtrickle.create_stream_table('filters_by_one_row.unread', 'SELECT id FROM v WHERE id < 0 AND i < (SELECT i FROM s)', '520w', 'DIFFERENTIAL');
INSERT INTO s VALUES (3, 3);
SELECT pgtrickle.refresh_stream_table('filters_by_one_row.unread');
DELETE FROM s WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('filters_by_one_row.unread');
SELECT action FROM pgtrickle.get_refresh_history('filters_by_one_row.unread', 100) ORDER BY refresh_id;
-- explained
SELECT st, property, value FROM unnest(ARRAY['n_gt', 'having_counts']) st, LATERAL pgtrickle.explain_st('filters_by_one_row.' || st) WHERE property IN ('operators', 'missing index');
DROP INDEX v_n_idx;
CREATE INDEX ON v USING hash (n);
SELECT property, value FROM pgtrickle.explain_st('filters_by_one_row.n_gt') WHERE property = 'missing index';
DROP SCHEMA filters_by_one_row CASCADE;
