-- A refresh remembers where it last wrote the row of a group: whatever happens to that place, the stream table equals its query.
SET client_min_messages = warning;
CREATE SCHEMA rows_written_last;
SET search_path = rows_written_last;
CREATE TABLE item (id int PRIMARY KEY, k text, v int);
INSERT INTO item SELECT g, 'k' || g % 5, g FROM generate_series(1, 50) g;
SELECT pgtrickle.create_stream_table('rows_written_last.sums', 'SELECT k, count(*) AS n, sum(v) AS v FROM item GROUP BY k', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('rows_written_last.total', 'SELECT count(*) AS n, sum(v) AS v, max(v) AS m FROM item', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('rows_written_last.above', 'SELECT n, count(*) AS c, sum(v) AS v FROM sums GROUP BY n', '520w', 'DIFFERENTIAL') \g /dev/null
CREATE FUNCTION differences(name text, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', name, query) INTO n;
  RETURN n;
END $$;
CREATE FUNCTION refreshed(change text DEFAULT '') RETURNS TABLE (sums bigint, total bigint, above bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE change;
  PERFORM pgtrickle.refresh_stream_table(st) FROM unnest('{sums,total,above}'::text[]) st;
  RETURN QUERY SELECT differences('sums', 'SELECT k, count(*), sum(v) FROM item GROUP BY k'),
                      differences('total', 'SELECT count(*), sum(v), max(v) FROM item'),
                      differences('above', 'SELECT n, count(*), sum(v) FROM (SELECT count(*) AS n, sum(v) AS v FROM item GROUP BY k) s GROUP BY n');
END $$;
-- the row was rolled back
SELECT * FROM refreshed('UPDATE item SET v = v + 1 WHERE id = 1');
BEGIN;
SELECT * FROM refreshed('UPDATE item SET v = v + 1 WHERE id = 1');
SAVEPOINT one;
SELECT * FROM refreshed('UPDATE item SET v = v + 2 WHERE id = 1');
ROLLBACK TO one;
SELECT * FROM refreshed('UPDATE item SET v = v + 4 WHERE id = 1');
ROLLBACK;
SELECT * FROM refreshed('UPDATE item SET v = v + 8 WHERE id = 1');
-- the place contains another row
CREATE VIEW heaps AS SELECT heap_name FROM pgtrickle.pgt_heaps WHERE kind <> 'log' AND of_schema = 'rows_written_last';
SELECT * FROM refreshed($$DELETE FROM item WHERE k = 'k1'$$);
\set ECHO none
SELECT 'VACUUM ' || heap_name FROM heaps \gexec
\set ECHO all
SELECT * FROM refreshed($$INSERT INTO item VALUES (101, 'k9', 1), (102, 'k8', 1)$$);
SELECT * FROM refreshed($$INSERT INTO item VALUES (103, 'k1', 1); UPDATE item SET v = v + 1$$);
-- the place is in another file, or behind its end
\set ECHO none
SELECT 'VACUUM FULL ' || heap_name FROM heaps \gexec
\set ECHO all
SELECT * FROM refreshed('UPDATE item SET v = v + 1');
SELECT * FROM refreshed($$INSERT INTO item SELECT g, 'l' || g, 1 FROM generate_series(1000, 2000) g$$);
SELECT * FROM refreshed('UPDATE item SET v = v + 1 WHERE id > 1990');
SELECT * FROM refreshed('DELETE FROM item WHERE id BETWEEN 1000 AND 1999');
\set ECHO none
SELECT 'VACUUM ' || heap_name FROM heaps \gexec
\set ECHO all
SELECT * FROM refreshed($$INSERT INTO item SELECT g, 'm' || g, 1 FROM generate_series(3000, 4000) g$$);
SELECT * FROM refreshed($$INSERT INTO item SELECT g, 'l' || g, 1 FROM generate_series(1000, 1500) g$$);
SELECT * FROM refreshed('DELETE FROM item WHERE id > 5');
\set ECHO none
SELECT 'VACUUM ' || heap_name FROM heaps \gexec
\set ECHO all
SELECT * FROM refreshed($$INSERT INTO item SELECT g, 'l' || g, 1 FROM generate_series(1990, 2000) g$$);
-- the stream table was emptied, or repaired
SELECT * FROM refreshed('TRUNCATE item');
SELECT * FROM refreshed($$INSERT INTO item SELECT g, 'k' || g % 5, g FROM generate_series(1, 50) g$$);
SELECT pgtrickle.repair_stream_table('sums') \g /dev/null
SELECT * FROM refreshed('UPDATE item SET v = v + 1 WHERE id < 20');
-- the snapshot is older
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM refreshed();
SELECT * FROM refreshed('UPDATE item SET v = v + 1 WHERE id < 3');
COMMIT;
SELECT * FROM refreshed('UPDATE item SET k = NULL WHERE id < 3');
SELECT * FROM refreshed('UPDATE item SET v = 7 WHERE k IS NULL');
DROP SCHEMA rows_written_last CASCADE;
