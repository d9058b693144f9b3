-- Aggregates that are functions of counts and sums: their images are PostgreSQL's own, after retractions too.
SET client_min_messages = warning;
CREATE SCHEMA aggregate_answers;
SET search_path = aggregate_answers;
CREATE TABLE t (id int PRIMARY KEY, g int, b bool, s smallint, i int, l bigint, n numeric, m numeric(12,3), f float8, z float8, d interval);
-- From PostgreSQL 17 on an interval can be infinite.
CREATE FUNCTION endless(sign text) RETURNS interval LANGUAGE sql AS $$ SELECT (sign || CASE WHEN current_setting('server_version_num')::int >= 170000 THEN 'infinity' ELSE '9 years' END)::interval $$;
CREATE PROCEDURE put(first int, last int) LANGUAGE sql AS $$
  INSERT INTO t (id, g, b, s, i, l, n, m, f) SELECT v, v % 5, CASE WHEN v % 7 < 5 THEN v % 3 > 0 END, v % 100, v * 37 % 1000, v::bigint * 1000000007, (v % 11) / 8.0 + v, v / 7.0, v FROM generate_series(first, last) v $$;
CALL put(1, 60);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('booleans', 'SELECT g, bool_and(b), bool_or(b) AS o, every(b) AS e, bool_and(DISTINCT b) FILTER (WHERE i > 500) AS f FROM t GROUP BY g'),
  ('variances', 'SELECT g, variance(s) AS s, var_samp(i) AS i, var_pop(l) AS l, var_pop(n) AS n, variance(m) AS m, var_samp(n) FILTER (WHERE b) AS f FROM t GROUP BY g'),
  ('pairs', 'SELECT g, regr_count(i, f), regr_count(n, s) FILTER (WHERE b) AS f FROM t GROUP BY g'),
  ('sums', 'SELECT g, sum(n) AS s, avg(n) AS a FROM t GROUP BY g'),
  ('zeros', 'SELECT g, avg(z) AS a, avg(z::real) AS r, sum(z) AS s FROM t GROUP BY g'),
  ('intervals', 'SELECT g, sum(d) AS s, avg(d) AS a FROM t GROUP BY g'),
  ('sum_of_all', 'SELECT sum(n) AS s FROM t'),
  ('whole', 'SELECT bool_or(b), variance(n), regr_count(f, f) FROM t'),
  ('had', 'SELECT g, variance(i) * 2 AS twice, stddev(i) AS root FROM t GROUP BY g HAVING bool_or(b) AND variance(i) > 3');
SELECT pgtrickle.create_stream_table('aggregate_answers.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- filled
SELECT * FROM test.wrong('kept', true);
-- inserted
CALL put(61, 80);
INSERT INTO t (id, g, z) VALUES (111, 1, '-0'), (112, 2, '-0'), (113, 3, '-0'), (114, 3, 0), (115, 4, '-0'), (116, 4, -1);
INSERT INTO t (id, g, n) VALUES (101, 1, 1.123456789), (102, 9, 4), (103, NULL, NULL), (104, 8, 5.00), (105, 8, 5);
SELECT * FROM test.wrong('kept', true);
-- the_last_false_and_the_last_true_go
DELETE FROM t WHERE NOT b;
SELECT * FROM test.wrong('kept', true);
UPDATE t SET b = NOT b WHERE g = 2;
DELETE FROM t WHERE g = 3 AND b;
SELECT * FROM test.wrong('kept', true);
-- the_largest_scale_and_nan
DELETE FROM t WHERE id = 101;
UPDATE t SET n = 'NaN' WHERE id = 5;
UPDATE t SET n = '-Infinity' WHERE id = 6;
SELECT * FROM test.wrong('kept', true);
-- nan_and_infinity_replace_each_other
UPDATE t SET n = 1 WHERE id = 5;
SELECT * FROM test.wrong('kept', true);
UPDATE t SET n = 'Infinity' WHERE id = 6;
SELECT * FROM test.wrong('kept', true);
UPDATE t SET n = 'NaN' WHERE id = 6;
SELECT * FROM test.wrong('kept', true);
DELETE FROM t WHERE id IN (5, 6);
SELECT * FROM test.wrong('kept', true);
-- negative_zeros
INSERT INTO t (id, g, z) VALUES (117, 1, '-0');
DELETE FROM t WHERE id = 116;
SELECT * FROM test.wrong('kept', true);
SELECT * FROM zeros WHERE s IS NOT NULL ORDER BY g;
-- infinite_intervals_replace_each_other_and_go
INSERT INTO t (id, g, d) VALUES (121, 1, '1 day'), (122, 1, endless('')), (123, 2, endless('-')), (124, 2, '1 hour');
SELECT * FROM test.wrong('kept', true);
UPDATE t SET d = endless('-') WHERE id = 122;
UPDATE t SET d = d + interval '1 hour' WHERE id = 124;
SELECT * FROM test.wrong('kept', true);
UPDATE t SET d = '2 days' WHERE id = 122;
DELETE FROM t WHERE id = 123;
SELECT * FROM test.wrong('kept', true);
SELECT * FROM intervals WHERE s IS NOT NULL ORDER BY g;
-- nothing_is_left
DELETE FROM t;
SELECT * FROM test.wrong('kept', true);
SELECT * FROM whole;
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('aggregate_answers.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
DROP SCHEMA aggregate_answers CASCADE;
