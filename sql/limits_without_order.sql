-- A sub-query with a limit and without an order has one answer: it is ordered by all its columns.
CREATE SCHEMA limits_without_order;
SET search_path = limits_without_order;
CREATE TABLE a (id int PRIMARY KEY, v int, j json);
CREATE TABLE b (id int PRIMARY KEY, w text);
INSERT INTO a SELECT g, g % 7, '{}' FROM generate_series(1, 40) g;
INSERT INTO b SELECT g, 'w' || g % 5 FROM generate_series(1, 40) g;
CREATE VIEW first_rows AS SELECT id FROM a LIMIT 3;
CREATE TABLE definition (name text, query text, ordered text);
INSERT INTO definition VALUES
  ('of_from', 'SELECT * FROM (SELECT v, id FROM a LIMIT 5) x', 'SELECT v, id FROM a ORDER BY v, id LIMIT 5'),
  ('of_offset', 'WITH c AS (SELECT DISTINCT v FROM a OFFSET 0 + 2) SELECT count(*), min(v) FROM c', 'WITH c AS (SELECT DISTINCT v FROM a ORDER BY v OFFSET 2) SELECT count(*), min(v) FROM c'),
  ('of_groups', 'SELECT * FROM (SELECT v, sum(id) FROM a GROUP BY v LIMIT 2) x', 'SELECT v, sum(id) FROM a GROUP BY v ORDER BY v LIMIT 2'),
  ('of_union', '(SELECT id FROM a LIMIT 3) UNION ALL (SELECT v FROM a UNION SELECT id FROM b OFFSET 3)', '(SELECT id FROM a ORDER BY id LIMIT 3) UNION ALL (SELECT v FROM a UNION SELECT id FROM b ORDER BY 1 OFFSET 3)'),
  ('of_value', 'SELECT id, ''ü'' AS u, (SELECT w FROM b WHERE b.id > a.v LIMIT 1) FROM a', 'SELECT id, ''ü'', (SELECT min(w) FROM b WHERE b.id > a.v) FROM a'),
  ('of_in', 'SELECT id FROM a WHERE v IN (SELECT length(w) + id FROM b LIMIT 3)', 'SELECT id FROM a WHERE v IN (SELECT length(w) + id FROM b ORDER BY 1 LIMIT 3)');
SELECT pgtrickle.create_stream_table('limits_without_order.' || name, query, '520w', 'DIFFERENTIAL') FROM definition;
SELECT pgtrickle.create_stream_table('limits_without_order.in_full', 'SELECT * FROM (SELECT v, id FROM a LIMIT 5) x', '520w', 'FULL');
CREATE FUNCTION differences() RETURNS TABLE (name text, n bigint) LANGUAGE plpgsql AS $$
DECLARE query text;
BEGIN
  FOR name, query IN SELECT d.name, d.ordered FROM definition d UNION ALL SELECT 'in_full', d.ordered FROM definition d WHERE d.name = 'of_from' LOOP
    PERFORM pgtrickle.refresh_stream_table(name);
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', name, query) INTO n;
    IF n > 0 THEN RETURN NEXT; END IF;
  END LOOP;
END $$;
SELECT * FROM differences();
-- the_rows_before_them_change
DELETE FROM a WHERE id < 9;
UPDATE a SET v = v + 1 WHERE id % 3 = 0;
UPDATE b SET w = 'a' || id WHERE id > 20;
SELECT * FROM differences();
INSERT INTO a SELECT -g, g % 3 - 5 FROM generate_series(1, 9) g;
SELECT * FROM differences();

-- not_where_only_the_existence_of_rows_counts
SELECT pgtrickle.create_stream_table('limits_without_order.of_exists', 'SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.id LIMIT 1)', '520w', 'DIFFERENTIAL');
-- one_warning_for_another_query, none_for_the_same
SELECT pgtrickle.create_or_replace_stream_table('limits_without_order.in_full', 'SELECT * FROM (SELECT v, id FROM a LIMIT 6) x', '520w', 'FULL');
SELECT pgtrickle.create_or_replace_stream_table('limits_without_order.in_full', 'SELECT * FROM (SELECT v, id FROM a LIMIT 6) x', '520w', 'FULL');
-- refused: a_column_without_an_order, a_view, the_query_itself
SELECT pgtrickle.create_stream_table('limits_without_order.refused', 'SELECT id FROM (SELECT id, j FROM a LIMIT 3) x');
SELECT pgtrickle.create_stream_table('limits_without_order.refused', 'SELECT id FROM first_rows');
SELECT pgtrickle.create_stream_table('limits_without_order.refused', 'SELECT * FROM (SELECT DISTINCT ON (v) v, id FROM a LIMIT 3) x');
SELECT pgtrickle.create_stream_table('limits_without_order.refused', 'SELECT id FROM a OFFSET 3');
DROP SCHEMA limits_without_order CASCADE;
