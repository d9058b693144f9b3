-- Joins of one table with itself: all of their inputs change at once, and with the same key.
CREATE SCHEMA joins_of_one_table;
SET search_path = joins_of_one_table;
SET client_min_messages = warning;
CREATE TABLE part (id int PRIMARY KEY, parent int, amount numeric, note json);
INSERT INTO part SELECT g, g / 2, g, format('{"n": %s}', g)::json FROM generate_series(1, 100) g;
ANALYZE part;
SELECT format('SELECT p0.id, %s FROM part p0 %s', string_agg(format('p%s.amount AS a%s', i, i), ', ' ORDER BY i),
              string_agg(format('LEFT JOIN part p%s ON p%s.id = p0.id', i, i), ' ' ORDER BY i)) AS star,
       format('SELECT p0.id, %s FROM part p0 %s', string_agg(format('p%s.note AS n%s', i, i), ', ' ORDER BY i),
              string_agg(format('JOIN part p%s ON p%s.id = p0.id', i, i), ' ' ORDER BY i)) AS inner_star,
       format('SELECT p0.id, p12.amount FROM part p0 %s',
              string_agg(format('LEFT JOIN part p%s ON p%s.id = p%s.parent', i, i, i - 1), ' ' ORDER BY i)) AS chain
  FROM generate_series(1, 12) i \gset
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL')
  FROM (VALUES ('star', :'star'), ('inner_star', :'inner_star'), ('chain', :'chain')) AS t(name, query) \g /dev/null

-- rows_that_cancel_each_other_do_not_multiply: three times as many of them with each join would not fit
SET temp_file_limit = '4MB';
UPDATE part SET amount = amount + 1, note = '{"n": 0}' WHERE id = 7;
DELETE FROM part WHERE id = 8;
INSERT INTO part VALUES (101, 7, 1.0, '{}');
SELECT pgtrickle.refresh_stream_table(name) FROM unnest(ARRAY['star', 'inner_star', 'chain']) name \g /dev/null
SELECT name, h.action FROM unnest(ARRAY['star', 'inner_star', 'chain']) name,
  LATERAL (SELECT action FROM pgtrickle.get_refresh_history(name) LIMIT 1) h ORDER BY name;
-- values_that_are_equal_and_look_different_are_distinguished
UPDATE part SET amount = 1.00, note = '{ }' WHERE id = 101;
UPDATE part SET parent = NULL WHERE id IN (3, 9);
SELECT pgtrickle.refresh_stream_table(name) FROM unnest(ARRAY['star', 'inner_star', 'chain']) name \g /dev/null
SELECT id, a1, a12 FROM star WHERE id IN (7, 8, 101) ORDER BY id;
SELECT id, n1, n12 FROM inner_star WHERE id IN (7, 8, 101) ORDER BY id;
SELECT count(*) FROM ((SELECT s::text FROM star s EXCEPT ALL SELECT q::text FROM (:star) q) UNION ALL
                      (SELECT q::text FROM (:star) q EXCEPT ALL SELECT s::text FROM star s)) d;
SELECT count(*) FROM ((SELECT s::text FROM inner_star s EXCEPT ALL SELECT q::text FROM (:inner_star) q) UNION ALL
                      (SELECT q::text FROM (:inner_star) q EXCEPT ALL SELECT s::text FROM inner_star s)) d;
SELECT count(*) FROM ((SELECT s::text FROM chain s EXCEPT ALL SELECT q::text FROM (:chain) q) UNION ALL
                      (SELECT q::text FROM (:chain) q EXCEPT ALL SELECT s::text FROM chain s)) d;
DROP SCHEMA joins_of_one_table CASCADE;
