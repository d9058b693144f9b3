-- A window that follows its delta replaces stored rows where they are; a refresh that replaces many of them leaves room for the next one.
SET client_min_messages = warning;
CREATE SCHEMA windows_replace_rows;
SET search_path = windows_replace_rows, public;
CREATE TABLE entry (id int PRIMARY KEY, part int, pos int, v int, m numeric, note text);
INSERT INTO entry SELECT g, g % 100, (g * 7919) % 20011, g % 7, round(g % 13 / 4.0, g % 3), CASE WHEN g % 1000 = 0 THEN repeat(md5(g::text), 400) ELSE 'n' END FROM generate_series(1, 20000) g;
CREATE INDEX ON entry (part);
ALTER TABLE entry ALTER note SET STORAGE external;
ANALYZE entry;
CREATE TABLE defined (name text PRIMARY KEY, query text, options text);
INSERT INTO defined VALUES
  ('numbered', 'SELECT id, note, row_number() OVER (PARTITION BY part ORDER BY pos, id) AS n FROM entry', ''),
  ('moving', 'SELECT id, row_number() OVER (PARTITION BY part ORDER BY pos, id) AS n FROM entry', ', partition_by ''RANGE (n, 50)'''),
  ('running', 'SELECT id, sum(m) OVER (PARTITION BY part ORDER BY pos) AS s, rank() OVER (PARTITION BY part ORDER BY pos) AS r FROM entry', ', storage_parameters ''autovacuum_enabled = off'''),
  ('sliding', 'SELECT part, pos, sum(v) OVER (PARTITION BY part ORDER BY pos, id ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) + 1 AS s FROM entry', ', storage_parameters ''fillfactor = 100'''),
  ('dependent', 'SELECT n, count(*) AS c, sum(id) AS i FROM windows_replace_rows.numbered GROUP BY n', '');
SELECT format('CREATE FOREIGN TABLE %I () SERVER pgtrickle OPTIONS (query %L, schedule ''520w'', refresh_mode ''DIFFERENTIAL''%s)', name, query, options)
  FROM defined ORDER BY name = 'dependent', name \gexec
CREATE FUNCTION wrong_after(change text) RETURNS TABLE (st text, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE query_of text;
BEGIN
  EXECUTE change;
  FOR st, query_of IN SELECT name, query FROM defined ORDER BY name = 'dependent', name LOOP
    PERFORM pgtrickle.refresh_stream_table('windows_replace_rows.' || st);
    EXECUTE format('SELECT count(*) FROM ((SELECT a::text FROM %1$I a EXCEPT ALL SELECT b::text FROM (%2$s) b) UNION ALL (SELECT b::text FROM (%2$s) b EXCEPT ALL SELECT a::text FROM %1$I a)) d', st, query_of) INTO wrong;
    RETURN NEXT;
  END LOOP;
END $$;
-- a_few_rows_are_replaced
SELECT * FROM wrong_after('INSERT INTO entry SELECT 30000 + g, g, -1, g, 0.125, ''few'' FROM generate_series(1, 3) g');
-- most_rows_are, by a statement that is planned for their number
SELECT * FROM wrong_after('INSERT INTO entry SELECT 40000 + g, g % 100, (g * 104729) % 20011, 3, 0.5, ''many'' FROM generate_series(1, 6000) g');
SELECT * FROM wrong_after('UPDATE entry SET pos = (pos * 31) % 20011, part = CASE WHEN id % 50 = 0 THEN NULL ELSE part END WHERE id % 3 = 0');
SELECT * FROM wrong_after('UPDATE entry SET v = v + 1, m = m + 0.0 WHERE id % 3 = 1');
SELECT * FROM wrong_after('DELETE FROM entry WHERE id % 4 = 1');
-- no_refresh_missed_a_row
SELECT count(*) FROM defined, pgtrickle.get_refresh_history('windows_replace_rows.' || name, 100) WHERE action = 'REINITIALIZE';
-- room_is_left_unless_the_fillfactor_is_set
SELECT foreign_table, array_agg(DISTINCT reloptions::text) FROM (SELECT d.name AS foreign_table, c.reloptions
  FROM defined d JOIN pg_depend p ON p.refobjid = ('windows_replace_rows.' || d.name)::regclass AND p.classid = 'pg_class'::regclass
  JOIN pg_class c ON c.oid = p.objid AND c.relkind = 'r' AND c.relname ~ '^st_') x GROUP BY 1 ORDER BY 1;
DROP SCHEMA windows_replace_rows CASCADE;
