-- ORDER BY … LIMIT keeps a reserve: a deletion among the first rows rarely reads the source, an insertion behind them costs nothing.
SET client_min_messages = warning;
CREATE SCHEMA first_rows;
SET search_path = first_rows, public;
CREATE TABLE score (id int PRIMARY KEY, points int, name text, document json);
INSERT INTO score SELECT g, g * 7919 % 5003, 'n' || g % 11, '{}' FROM generate_series(1, 5000) g;
INSERT INTO score VALUES (6001, NULL, 'null', NULL), (6002, NULL, 'null', '[]');
CREATE INDEX ON score (points);
CREATE INDEX ON score (points NULLS FIRST, id DESC);
CREATE INDEX ON score ((points / 10));
ANALYZE score;
CREATE TABLE defined (name text PRIMARY KEY, query text);
INSERT INTO defined VALUES
  ('best', 'SELECT id, points FROM score WHERE points IS NOT NULL ORDER BY points DESC LIMIT 3'),
  ('skipping', 'SELECT id, points FROM score ORDER BY points NULLS FIRST, id DESC OFFSET 5 LIMIT 4'),
  ('with_ties', 'SELECT points / 10 AS tens, name FROM score ORDER BY points / 10 FETCH FIRST 12 ROWS WITH TIES'),
  ('copies', 'SELECT name FROM score ORDER BY name LIMIT 2'),
  ('without_order_of_its_type', 'SELECT id, document FROM score ORDER BY points, id LIMIT 5');
SELECT pgtrickle.create_stream_table('first_rows.' || name, query, '520w', 'DIFFERENTIAL') FROM defined \g /dev/null

-- Returns the stream tables that differ from their queries after a refresh, and the rows of the source read by scans and look-ups.
CREATE FUNCTION look(OUT wrong text, OUT scanned bigint, OUT looked_up bigint) RETURNS record LANGUAGE plpgsql AS $$
DECLARE st text; query text; differences bigint; before record;
BEGIN
  SELECT seq_tup_read s, idx_tup_fetch i INTO before FROM pg_stat_xact_user_tables WHERE relname = 'score' AND schemaname = 'first_rows';
  FOR st IN SELECT d.name FROM defined d ORDER BY 1 LOOP PERFORM pgtrickle.refresh_stream_table('first_rows.' || st); END LOOP;
  SELECT seq_tup_read - before.s, idx_tup_fetch - before.i INTO scanned, looked_up FROM pg_stat_xact_user_tables WHERE relname = 'score' AND schemaname = 'first_rows';
  FOR st, query IN SELECT d.name, regexp_replace(d.query, 'document', 'document::jsonb') FROM defined d ORDER BY 1 LOOP
    EXECUTE format('SELECT count(*) FROM ((SELECT one::text FROM (%1$s) one EXCEPT ALL SELECT one::text FROM %2$I one) UNION ALL (SELECT one::text FROM %2$I one EXCEPT ALL SELECT one::text FROM (%1$s) one)) d',
      query, st) INTO differences;
    IF differences > 0 THEN wrong := concat_ws(', ', wrong, st); END IF;
  END LOOP;
END $$;

-- deleted_at_the_top
DELETE FROM score WHERE points >= 5001;
DELETE FROM score WHERE points IS NULL OR points = 3;
SELECT * FROM look();
SELECT points FROM best ORDER BY 1 DESC;
-- inserted_below_the_last
INSERT INTO score SELECT 7000 + g, 2500, 'x', '{}' FROM generate_series(1, 50) g;
SELECT * FROM look();
-- inserted_at_the_top
INSERT INTO score VALUES (8001, 9000, 'best', '{}'), (8002, NULL, 'again', '{}'), (8003, -5, 'a', '{"a": 1}');
SELECT * FROM look();
-- updated_within_and_across_the_last
UPDATE score SET points = points - 4000 WHERE points > 4990;
UPDATE score SET points = points + 1 WHERE points < 20;
SELECT * FROM look();
-- the_reserve_runs_out_and_is_filled_by_the_index
DELETE FROM score WHERE points < 110 OR points IS NULL;
DELETE FROM score WHERE points > 4800;
SELECT wrong, scanned, looked_up < 1000 AS looked_up_few FROM look();
-- it_grows_beyond_twice_its_size
INSERT INTO score SELECT 10000 + g, -g, 'y', '{}' FROM generate_series(1, 400) g;
INSERT INTO score SELECT 11000 + g, 9000 + g, 'z', '{}' FROM generate_series(1, 400) g;
SELECT wrong, scanned, looked_up < 3000 AS looked_up_few FROM look();
-- ties_at_the_last_row
UPDATE score SET points = -1000 WHERE id BETWEEN 10000 AND 10300;
SELECT wrong FROM look();
UPDATE score SET points = -900 WHERE id BETWEEN 10000 AND 10150;
SELECT wrong FROM look();
-- nearly_all_go_and_come_back
DELETE FROM score WHERE id > 2;
SELECT wrong FROM look();
DELETE FROM score;
SELECT wrong FROM look();
INSERT INTO score SELECT g, g, 'n' || g % 11, '{}' FROM generate_series(1, 1000) g;
SELECT wrong FROM look();
DELETE FROM score WHERE points < 600;
SELECT wrong FROM look();
DROP SCHEMA first_rows CASCADE;
