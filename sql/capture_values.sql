-- Values of every size and kind are captured unchanged; unread columns cost nothing.
CREATE TYPE cap_pair AS (a int, b text);
CREATE TABLE cap_values (id int PRIMARY KEY, dropped int, big text, unread int, pair cap_pair, list text[], n numeric);
ALTER TABLE cap_values DROP COLUMN dropped;
SELECT pgtrickle.create_stream_table('cap_kept',
  'SELECT id, md5(big) AS big, length(big) AS len, pair, list, n FROM cap_values', '520w', 'DIFFERENTIAL');
CREATE VIEW cap_wrong AS
  (SELECT id, md5(big), length(big), pair::text, list::text, n::text FROM cap_values
   EXCEPT ALL SELECT id, big, len, pair::text, list::text, n::text FROM cap_kept)
  UNION ALL
  (SELECT id, big, len, pair::text, list::text, n::text FROM cap_kept
   EXCEPT ALL SELECT id, md5(big), length(big), pair::text, list::text, n::text FROM cap_values);

-- rows_larger_than_a_chunk_and_values_out_of_line
INSERT INTO cap_values (id, big, unread, pair, list, n)
  SELECT i, string_agg(md5((i * g)::text), ''), i, ROW(i, repeat('p', 3000))::cap_pair, ARRAY[repeat('l', 5000), NULL], 1.50
  FROM generate_series(1, 3) i, generate_series(1, 1500) g GROUP BY i;
INSERT INTO cap_values VALUES (4, repeat('z', 300000), 0, NULL, NULL, 'NaN'), (5, NULL, 0, ROW(NULL, NULL), '{}', 1.5);
SELECT pgtrickle.refresh_stream_table('cap_kept');
SELECT id, len, (pair).a, length(list[1]) AS l, n FROM cap_kept ORDER BY id;
SELECT count(*) AS wrong FROM cap_wrong;

-- out_of_line_values_of_deleted_rows_are_still_known
UPDATE cap_values SET n = n + 1 WHERE id < 4;
DELETE FROM cap_values WHERE id = 3;
VACUUM cap_values;
SELECT pgtrickle.refresh_stream_table('cap_kept');
SELECT id, len, n FROM cap_kept ORDER BY id;
SELECT count(*) AS wrong FROM cap_wrong;

-- an_update_of_unread_columns_logs_nothing
UPDATE cap_values SET unread = unread + 1;
UPDATE cap_values SET big = big || '', n = n;
SELECT pgtrickle.refresh_stream_table('cap_kept');
SELECT action FROM pgtrickle.get_refresh_history('cap_kept', 1);

-- an_image_that_changes_under_an_equal_value_does_arrive
UPDATE cap_values SET n = 2.50000 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('cap_kept');
SELECT n FROM cap_kept WHERE id = 1;

-- columns_added_renamed_and_dropped_while_changes_wait
INSERT INTO cap_values (id, big, n) VALUES (10, 'ten', 10);
ALTER TABLE cap_values ADD COLUMN late int DEFAULT 7;
INSERT INTO cap_values (id, big, n) VALUES (11, 'eleven', 11);
ALTER TABLE cap_values DROP COLUMN unread;
ALTER TABLE cap_values RENAME COLUMN n TO "The Number";
UPDATE cap_values SET "The Number" = 12 WHERE id = 11;
SELECT pgtrickle.create_stream_table('cap_late', 'SELECT id, late FROM cap_values WHERE id > 9', '520w', 'DIFFERENTIAL');
INSERT INTO cap_values (id, big, "The Number", late) VALUES (12, 'twelve', 12, 8);
SELECT pgtrickle.refresh_stream_table('cap_kept');
SELECT id, len, n FROM cap_kept WHERE id > 9 ORDER BY id;
SELECT pgtrickle.refresh_stream_table('cap_late');
SELECT * FROM cap_late ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_late', 1);

-- the_type_of_an_unread_column_may_change
ALTER TABLE cap_values ADD COLUMN other int DEFAULT 1;
INSERT INTO cap_values (id, big, "The Number") VALUES (13, 'thirteen', 13);
ALTER TABLE cap_values ALTER COLUMN other TYPE text USING other::text || '!';
INSERT INTO cap_values (id, big, "The Number") VALUES (14, 'fourteen', 14);
SELECT pgtrickle.refresh_stream_table('cap_kept');
SELECT id, len, n FROM cap_kept WHERE id > 12 ORDER BY id;

-- only_the_number_of_rows_is_read
SELECT pgtrickle.create_stream_table('cap_count', 'SELECT count(*) AS n FROM cap_values', '520w', 'DIFFERENTIAL');
DELETE FROM cap_values WHERE id > 9;
SELECT pgtrickle.refresh_stream_table('cap_count');
SELECT * FROM cap_count;

DROP VIEW cap_wrong;
SELECT pgtrickle.drop_stream_table('cap_count');
SELECT pgtrickle.drop_stream_table('cap_late');
SELECT pgtrickle.drop_stream_table('cap_kept');
DROP TABLE cap_values;
DROP TYPE cap_pair;
