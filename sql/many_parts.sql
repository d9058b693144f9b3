-- Queries of many parts are compiled in about the time that PostgreSQL takes for them, which does not multiply with each part.
SET client_min_messages = warning;
CREATE SCHEMA many_parts;
SET search_path = many_parts;
SET statement_timeout = '60s';
CREATE TABLE t (x int PRIMARY KEY, y int);
INSERT INTO t SELECT g, g FROM generate_series(1, 100) g;
ANALYZE t;
CREATE TABLE kept (name text, query text);

INSERT INTO kept SELECT 'union_of_four_hundred', string_agg(format('SELECT x + %s AS x FROM t WHERE y = %s', g, g % 100), ' UNION ' ORDER BY g)
  FROM generate_series(1, 400) g;
INSERT INTO kept SELECT 'thirty_exists_one_in_the_other', 'SELECT x, y FROM t t0 WHERE true' ||
    string_agg(format(' AND EXISTS (SELECT FROM t t%s WHERE t%s.x = t%s.x', g, g, g - 1), '' ORDER BY g) || repeat(')', 30)
  FROM generate_series(1, 30) g;

SELECT name, pgtrickle.create_stream_table(name, query, schedule => '520w', refresh_mode => 'DIFFERENTIAL') FROM kept;
UPDATE t SET y = y + 1 WHERE x = 1;
DELETE FROM t WHERE x = 50;
INSERT INTO t VALUES (200, 7);
SELECT name, pgtrickle.refresh_stream_table(name) FROM kept;

-- Returns the number of rows of the stream table and of its query, and the number of rows in which they differ.
CREATE FUNCTION compared(name text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
  EXECUTE format('SELECT count(*) || '' rows, '' || (SELECT count(*) FROM ((SELECT * FROM %1$I EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL SELECT * FROM %1$I)) d) || '' differ'' FROM %1$I',
                 name, query) INTO answer;
  RETURN answer;
END $$;
SELECT name, compared(name, query) FROM kept;
SELECT name, pgtrickle.drop_stream_table(name) FROM kept;
DROP SCHEMA many_parts CASCADE;
