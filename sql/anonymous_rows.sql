-- A query whose program would store values of type record is maintained by full refreshes, any other query by deltas.
SET client_min_messages = warning;
CREATE SCHEMA anonymous_rows;
SET search_path = anonymous_rows;
CREATE TABLE s (k int PRIMARY KEY, c int);
INSERT INTO s VALUES (1, 1), (2, 2), (3, 2);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('beside_cycle', 'SELECT q::text AS r FROM (WITH RECURSIVE w(k, n) AS (SELECT k, 1 FROM s UNION ALL SELECT s.k, n + 1 FROM w JOIN s ON s.k = w.k + 1 WHERE n < 3) CYCLE k SET is_cycle USING way SELECT k, is_cycle FROM w) q'),
  ('counted', 'SELECT c, count(DISTINCT ROW(c, k % 2)) AS n FROM s GROUP BY c'),
  ('distinct_inside', 'SELECT count(*) AS n FROM (SELECT DISTINCT ROW(c, k % 2) FROM s) q'),
  ('distinct_on', 'SELECT DISTINCT ON (ROW(c)) c, k FROM s ORDER BY ROW(c), k'),
  ('gathered', 'SELECT c, array_length(array_agg(ROW(c, k)), 1) AS n FROM s GROUP BY c'),
  ('key', 'SELECT ROW(c)::text AS c, count(*) AS n FROM s GROUP BY ROW(c)'),
  ('limit_by', 'SELECT k, c FROM s ORDER BY ROW(c, k) LIMIT 2'),
  ('order_of_window', 'SELECT k, row_number() OVER (ORDER BY ROW(c, k)) AS n FROM s'),
  ('partition', 'SELECT k, row_number() OVER (PARTITION BY ROW(c) ORDER BY k) AS n FROM s'),
  ('row_before', 'SELECT k, lag(ROW(c, k)) OVER (ORDER BY k)::text AS r FROM s'),
  ('subquery', 'SELECT k, (SELECT row_to_json(q) FROM (SELECT 1) o)::text AS r FROM (SELECT k, c FROM s) q'),
  ('written', 'SELECT k, ROW(c, k)::text AS r FROM s');
CREATE FUNCTION objection_to(name text, query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgtrickle.create_stream_table('anonymous_rows.' || name, query, '520w', 'DIFFERENTIAL');
  RETURN 'none';
EXCEPTION WHEN feature_not_supported THEN
  PERFORM pgtrickle.create_stream_table('anonymous_rows.' || name, query, '520w', 'AUTO');
  RETURN regexp_replace(SQLERRM, '^.*mode: ', '');
END $$;
SELECT name, objection_to(name, query) FROM kept ORDER BY 1;
INSERT INTO s VALUES (4, 1), (5, 3);
UPDATE s SET c = 1 WHERE k = 3;
DELETE FROM s WHERE k = 1;
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one kept; n bigint;
BEGIN
  FOR one IN TABLE kept LOOP
    PERFORM pgtrickle.refresh_stream_table('anonymous_rows.' || one.name);
    EXECUTE format('SELECT count(*) FROM ((TABLE %I EXCEPT ALL (%s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', one.name, one.query) INTO n;
    IF n > 0 THEN RETURN NEXT one.name; END IF;
  END LOOP;
END $$;
SELECT wrong();
-- validate_query_foresees_the_errors_of_a_creation
SELECT * FROM pgtrickle.validate_query('SELECT ROW(1, 2) AS r');
SELECT * FROM pgtrickle.validate_query('SELECT 1 AS n, 2 AS n');
SELECT * FROM pgtrickle.validate_query('SELECT 1 AS pgt_n');
DROP SCHEMA anonymous_rows CASCADE;
RESET client_min_messages;
