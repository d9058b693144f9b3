-- NOT IN of rows: false for an equal row, NULL if no row is equal and some row differs in no column but those with NULL.
SET client_min_messages = warning;
CREATE SCHEMA rows_not_in;
SET search_path = rows_not_in;
CREATE TYPE pair AS (x int, y int);
CREATE TABLE a (id int PRIMARY KEY, k int, v int, t text, p pair);
CREATE TABLE b (id int PRIMARY KEY, k int, v int, t text, p pair);
INSERT INTO a SELECT row_number() OVER (), k, v, t, CASE WHEN t = 'x' THEN ROW(k, v)::pair END
  FROM unnest('{NULL,1,2}'::int[]) k, unnest('{NULL,1,2}'::int[]) v, unnest('{NULL,x,y}'::text[]) t;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('two', $$SELECT * FROM a WHERE (k, v) NOT IN (SELECT k, v FROM b)$$),
  ('two_as_a_value', $$SELECT *, (k, v) NOT IN (SELECT k, v FROM b) AS m, (k, v) IN (SELECT k, v FROM b) AS n FROM a$$),
  ('three', $$SELECT * FROM a WHERE (k, v, t) NOT IN (SELECT k, v, t FROM b)$$),
  ('three_as_a_value', $$SELECT *, (k, v, t) = ANY (SELECT k, v, t FROM b) AS m FROM a$$),
  ('four', $$SELECT * FROM a WHERE (k, v, t, id) NOT IN (SELECT k, v, t, id FROM b)$$),
  ('correlated', $$SELECT * FROM a WHERE (k, v) NOT IN (SELECT k, v FROM b WHERE b.t = a.t)$$),
  ('correlated_as_a_value', $$SELECT *, (k, v) NOT IN (SELECT k, v FROM b WHERE b.t < a.t OR b.id = a.id) AS m FROM a$$),
  ('one_side_without_null', $$SELECT * FROM a WHERE (k, v) NOT IN (SELECT count(*), v FROM b GROUP BY v)$$),
  ('of_a_constant', $$SELECT * FROM a WHERE (k, 1) NOT IN (SELECT k, v FROM b)$$),
  ('of_rows', $$SELECT * FROM a WHERE (p, v) NOT IN (SELECT p, v FROM b)$$),
  ('of_anonymous_rows', $$SELECT *, (ROW(k, v), t) IN (SELECT ROW(k, v), t FROM b) AS m FROM a WHERE (ROW(k, v), v) NOT IN (SELECT ROW(b.k, b.v), b.v FROM b)$$),
  ('unlike_all', $$SELECT *, (k, v) <> ALL (SELECT v, k FROM b) AS m FROM a WHERE NOT ((k, v) <> ALL (SELECT k, v FROM b)) OR v = 1$$),
  ('of_one_column', $$SELECT * FROM a WHERE k NOT IN (SELECT k FROM b WHERE b.v = a.v)$$);
SELECT pgtrickle.create_stream_table('rows_not_in.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- there_is_no_row
SELECT * FROM test.wrong('kept');
-- each_kind_of_row_alone
CREATE FUNCTION wrong_beside(k int, v int, t text, p pair) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM b;
  INSERT INTO b VALUES (1, k, v, t, p);
  RETURN QUERY SELECT w::text FROM test.wrong('kept') w;
END $$;
SELECT a.id, w FROM a, LATERAL wrong_beside(k, v, t, p) w WHERE a.id % 2 = 0;
-- rows_are_added
INSERT INTO b SELECT id, k, v, t, p FROM a WHERE id % 5 = 3 AND id <> 1;
SELECT * FROM test.wrong('kept');
-- nulls_go
UPDATE b SET k = coalesce(k, 7), t = coalesce(t, 'x');
SELECT * FROM test.wrong('kept');
UPDATE b SET v = coalesce(v, 7);
SELECT * FROM test.wrong('kept');
-- nulls_come_on_both_sides
UPDATE b SET v = NULL WHERE id % 4 = 3;
UPDATE a SET k = NULL, v = coalesce(v, 7) WHERE id % 3 = 1;
SELECT * FROM test.wrong('kept');
-- copies_come_and_go
INSERT INTO b SELECT 100 + id, k, v, t, p FROM b;
SELECT * FROM test.wrong('kept');
DELETE FROM b WHERE id < 100;
SELECT * FROM test.wrong('kept');
-- a_row_of_nulls
INSERT INTO b VALUES (500);
SELECT * FROM test.wrong('kept');
DELETE FROM b WHERE id = 500;
SELECT * FROM test.wrong('kept');
-- all_of_it_by_deltas
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('rows_not_in.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;

-- no_source_is_read_whole_for_a_changed_row
CREATE TABLE outside (id int PRIMARY KEY, k int, v int);
CREATE TABLE inside (id int PRIMARY KEY, k int, v int);
INSERT INTO outside SELECT g, g, g FROM generate_series(1, 20000) g;
INSERT INTO inside SELECT g, g + 10000, g + 10000 FROM generate_series(1, 20000) g;
INSERT INTO inside VALUES (0, NULL, -1), (-1, -1, NULL);
CREATE INDEX ON outside (k);
CREATE INDEX ON outside (v);
CREATE INDEX ON inside (k);
CREATE INDEX ON inside (v);
ANALYZE outside, inside;
SELECT pgtrickle.create_stream_table('rows_not_in.little', 'SELECT * FROM outside WHERE (k, v) NOT IN (SELECT k, v FROM inside)', '520w', 'DIFFERENTIAL');
SELECT change, r.* FROM unnest(ARRAY['UPDATE outside SET v = 7 WHERE id = 8', 'UPDATE outside SET k = NULL WHERE id = 9', 'UPDATE inside SET v = 7 WHERE id = 12',
    'DELETE FROM inside WHERE id = 13', 'UPDATE inside SET v = NULL WHERE id = 17', 'INSERT INTO inside VALUES (30000, NULL, 400)']) change,
  LATERAL test.whole_reads('rows_not_in.little', change) r;
SELECT * FROM test.differences('little');

-- rows_with_null_are_kept_apart
DO $$ BEGIN EXECUTE (SELECT format('CREATE TABLE wide (id int, %s)', string_agg(format('c%s bigint DEFAULT 2', g), ', ')) FROM generate_series(1, 600) g); END $$;
INSERT INTO wide VALUES (1);
SELECT pgtrickle.create_stream_table('rows_not_in.too_wide', format('SELECT a.id, %s AS x FROM wide a JOIN wide b USING (id) WHERE (a.c1, b.c2) NOT IN (SELECT k, v FROM inside)',
  string_agg(format('a.c%1$s # b.c%1$s', g), ' # ')), '520w', 'DIFFERENTIAL') FROM generate_series(1, 600) g \g /dev/null
SELECT pgtrickle.create_stream_table('rows_not_in.' || name, query, '520w', 'DIFFERENTIAL') FROM (VALUES
  ('by_three', 'SELECT o.id, i.id AS inside FROM outside o JOIN inside i ON i.id = o.id WHERE (o.k, o.v, o.id) NOT IN (SELECT k, v, id FROM inside)'),
  ('may_fail', 'SELECT o.id FROM (SELECT id, k, 1 / (id - 3) AS v FROM outside WHERE id > 3) o WHERE (o.k, o.v) NOT IN (SELECT k, v FROM inside)'),
  ('may_fail_left', 'SELECT id FROM outside WHERE k = 0 OR (10 / k, v) NOT IN (SELECT k, v FROM inside)'),
  ('may_fail_in_case', 'SELECT id, CASE WHEN k <> 0 THEN (10 / k, v) NOT IN (SELECT k, v FROM inside) END AS m FROM outside WHERE id < 100'),
  ('by_five', 'SELECT o.id FROM outside o WHERE (o.k, o.v, o.k, o.v, o.id) NOT IN (SELECT k, v, k, v, id FROM inside)'),
  ('grouped', 'SELECT v, count(*) FROM outside WHERE (k, v) NOT IN (SELECT k, count(v) FROM inside GROUP BY k) GROUP BY v')) t(name, query) \g /dev/null
CREATE TABLE kept_apart (name text, query text);
INSERT INTO kept_apart SELECT name, query FROM (VALUES ('by_three'), ('by_five'), ('may_fail'), ('may_fail_left'), ('may_fail_in_case'), ('grouped'), ('little'), ('too_wide')) n(name), LATERAL
  (SELECT original_query AS query FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = ('rows_not_in.' || name)::regclass) q;
SELECT * FROM test.wrong('kept_apart');
UPDATE outside SET k = CASE WHEN id % 3 = 0 THEN 0 END WHERE id % 100 = 7;
UPDATE inside SET v = NULL WHERE id % 100 = 8;
UPDATE wide SET c1 = NULL;
SELECT * FROM test.wrong('kept_apart');
UPDATE outside SET k = id, v = NULL WHERE id % 100 = 7;
UPDATE inside SET v = id, k = NULL WHERE id % 100 = 8;
SELECT * FROM test.wrong('kept_apart');
UPDATE inside SET k = id WHERE k IS NULL;
UPDATE outside SET v = id WHERE v IS NULL;
SELECT * FROM test.wrong('kept_apart');
-- statements_do_not_multiply
SELECT name, length(value) < bound AS is_short
  FROM (VALUES ('two', 19000), ('three', 40000), ('correlated', 25000)) b(name, bound), LATERAL pgtrickle.explain_st('rows_not_in.' || name)
  WHERE property = 'storage: delta statement';
DROP SCHEMA rows_not_in CASCADE;
