-- Matches by an equality and another condition, when many rows of both sides have changed: sums over the changes of the other side
-- are computed for all rows at once, and not once per row (which takes minutes here). By equalities alone, they are computed for all
-- keys, which are sorted if they have an order.
SET client_min_messages = warning;
CREATE SCHEMA matches_of_many_changes;
SET search_path = matches_of_many_changes;
CREATE TABLE a (id int, k int, v int, note json);
CREATE TABLE b (id int, k int, v int);
INSERT INTO a SELECT g, g / 4, g % 5, '{}' FROM generate_series(1, 12000) g;
INSERT INTO a SELECT * FROM a WHERE id % 3 = 0;
INSERT INTO a SELECT g, NULL, g, NULL FROM generate_series(1, 3) g;
INSERT INTO b SELECT g, g / 4, g % 7 FROM generate_series(1, 12000) g;
INSERT INTO b VALUES (1, NULL, 1);
ALTER TABLE a ADD x xid;
ALTER TABLE b ADD x xid;
UPDATE a SET x = k::text::xid;
UPDATE b SET x = k::text::xid;
CREATE INDEX ON a (k);
CREATE INDEX ON b (k);
CREATE INDEX ON b ((k + 1));
CREATE INDEX ON a USING hash (x);
CREATE INDEX ON b USING hash (x);
ANALYZE a, b;
CREATE TABLE query (name text, sql text);
INSERT INTO query VALUES
  ('semi', 'SELECT * FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k AND b.v <> a.v)'),
  ('anti', 'SELECT * FROM a WHERE NOT EXISTS (SELECT FROM b WHERE b.k = a.k AND b.v > a.v)'),
  ('mark', 'SELECT a.*, EXISTS (SELECT FROM b WHERE b.k = a.k AND b.v > a.v) OR a.v = 3 AS m FROM a'),
  ('left_join', 'SELECT a.*, b.id AS other FROM a LEFT JOIN b ON b.k = a.k AND b.v > a.v'),
  ('by_expression', 'SELECT * FROM a WHERE NOT EXISTS (SELECT FROM b WHERE b.k + 1 = a.k)'),
  ('by_key', 'SELECT * FROM a WHERE EXISTS (SELECT FROM (SELECT k FROM b WHERE b.v > 3) b WHERE b.k = a.k)'),
  ('by_key_without_order', 'SELECT * FROM a WHERE NOT EXISTS (SELECT FROM (SELECT x FROM b WHERE b.v > 3) b WHERE b.x = a.x)');
SELECT pgtrickle.create_stream_table(name, sql, '520w', 'DIFFERENTIAL') FROM query \g /dev/null

CREATE FUNCTION differences() RETURNS TABLE (stream_table text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE q query;
BEGIN
  FOR q IN TABLE query LOOP
    PERFORM pgtrickle.refresh_stream_table(q.name);
    stream_table := q.name;
    EXECUTE format('SELECT (SELECT count(*) FROM (SELECT x::text FROM %1$s x EXCEPT ALL SELECT x::text FROM (%2$s) x) d)
      + (SELECT count(*) FROM (SELECT x::text FROM (%2$s) x EXCEPT ALL SELECT x::text FROM %1$s x) d)', q.name, q.sql) INTO rows;
    RETURN NEXT;
  END LOOP;
END $$;

-- all_of_both_sides_changes
SET statement_timeout = '60s';
UPDATE a SET v = v + 1;
UPDATE b SET v = v + 1;
SELECT * FROM differences();
-- rows_go_and_come_on_both_sides
DELETE FROM b WHERE id % 10 < 4;
DELETE FROM a WHERE id % 7 = 0;
INSERT INTO a SELECT id, k, v + 2, note FROM a WHERE id % 11 = 0;
SELECT * FROM differences();
INSERT INTO b SELECT g, g / 4, g % 3 FROM generate_series(1, 12000) g WHERE g % 10 < 5;
SELECT * FROM differences();
-- all_matches_go
DELETE FROM b;
UPDATE a SET v = v + 1 WHERE id % 13 = 0;
SELECT * FROM differences();
SELECT DISTINCT h.action FROM query, pgtrickle.get_refresh_history(query.name, 100) h ORDER BY 1;
DROP SCHEMA matches_of_many_changes CASCADE;
