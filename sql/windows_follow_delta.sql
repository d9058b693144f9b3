-- Windows whose values follow from rows near them read no source, and write the rows that change and no others.
SET client_min_messages = warning;
CREATE SCHEMA windows_follow_delta;
SET search_path = windows_follow_delta, public;
CREATE TABLE tick (id int PRIMARY KEY, part int, pos int, v int, m numeric(8,2), note text);
INSERT INTO tick SELECT g, g % 10, g, g % 7, (g % 13) / 4.0, 'n' FROM generate_series(1, 20000) g;
CREATE INDEX ON tick (part);
ANALYZE tick;
CREATE TABLE defined (name text PRIMARY KEY, query text);
INSERT INTO defined VALUES
  ('numbered', 'SELECT id, row_number() OVER (PARTITION BY part ORDER BY pos, id) AS n FROM tick'),
  ('ranked', 'SELECT id, rank() OVER w AS r, dense_rank() OVER w AS d FROM tick WINDOW w AS (PARTITION BY part ORDER BY pos DESC)'),
  ('running', 'SELECT id, sum(v) OVER w AS s, count(*) FILTER (WHERE v > 2) OVER w AS c, sum(m) OVER w AS m FROM tick WINDOW w AS (PARTITION BY part ORDER BY pos)'),
  ('sliding', 'SELECT id, sum(v) OVER (PARTITION BY part ORDER BY pos, id ROWS BETWEEN 3 PRECEDING AND 3 FOLLOWING) AS s FROM tick'),
  ('neighbours', 'SELECT id, lag(v, 2) OVER w AS a, lead(v) OVER w AS b FROM tick WINDOW w AS (PARTITION BY part ORDER BY pos, id)'),
  ('over_all', 'SELECT id, row_number() OVER (ORDER BY pos, id) AS n FROM tick');
SELECT pgtrickle.create_stream_table('windows_follow_delta.' || name, query, '520w', 'DIFFERENTIAL') FROM defined \g /dev/null

-- Returns for each stream table, refreshed after the change, whether its source was read, how many stored rows were written, and how many are wrong.
CREATE FUNCTION followed(change text) RETURNS TABLE (st text, reads_source boolean, written bigint, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE query_of text; read_before bigint; read_after bigint; written_before bigint;
  reads text := 'SELECT coalesce(seq_tup_read + idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = ''tick''';
  writes text := 'SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_all_tables WHERE relname ~ ''^st_''';
BEGIN
  EXECUTE change;
  FOR st, query_of IN SELECT d.name, d.query FROM defined d ORDER BY 1 LOOP
    EXECUTE reads INTO read_before;
    EXECUTE writes INTO written_before;
    PERFORM pgtrickle.refresh_stream_table('windows_follow_delta.' || st);
    EXECUTE writes INTO written;
    EXECUTE reads INTO read_after;
    written := written - written_before;
    reads_source := read_after > read_before;
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', st, query_of) INTO wrong;
    RETURN NEXT;
  END LOOP;
END $$;
-- a_row_at_the_end
SELECT * FROM followed('INSERT INTO tick VALUES (30000, 3, 30000, 5, 1, $$n$$)');
-- a_value_in_the_middle
SELECT * FROM followed('UPDATE tick SET v = v + 1 WHERE id = 10003');
-- a_column_that_no_window_reads
SELECT * FROM followed('UPDATE tick SET note = $$other$$ WHERE id = 10003');
-- a_row_moves_by_three_rows
SELECT * FROM followed('UPDATE tick SET pos = pos + 35 WHERE id = 10003');
-- a_row_near_the_end_goes
SELECT * FROM followed('DELETE FROM tick WHERE id = 19973');
-- sums_that_even_out
SELECT * FROM followed('UPDATE tick SET v = v + CASE id WHEN 503 THEN 1 ELSE -1 END WHERE id IN (503, 543)');
-- a_partition_of_null_is_recomputed
SELECT * FROM followed('UPDATE tick SET part = NULL WHERE id IN (19983, 19993)');
-- as_is_one_with_a_position_of_null
SELECT * FROM followed('UPDATE tick SET pos = NULL WHERE id = 19963');
-- a_partition_begins_and_ends
SELECT * FROM followed('INSERT INTO tick SELECT 40000 + g, 77, 50000 + g, g, g, $$n$$ FROM generate_series(1, 4) g');
SELECT * FROM followed('DELETE FROM tick WHERE part = 77');
-- a_scale_that_sums_behind_show, though they are equal
CREATE TABLE price (id int PRIMARY KEY, x numeric);
INSERT INTO price VALUES (1, 1), (2, 1.50), (3, 2), (4, 3);
SELECT pgtrickle.create_stream_table('windows_follow_delta.paid', 'SELECT id, sum(x) OVER (ORDER BY id) AS s FROM price', '520w', 'DIFFERENTIAL');
UPDATE price SET x = 1.5 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('windows_follow_delta.paid');
SELECT * FROM paid ORDER BY id;
-- copies_of_a_row_have_different_sums, of which the rows behind them continue the last one
CREATE TABLE copied (p int, o int, x int);
INSERT INTO copied SELECT p, 1, x FROM generate_series(1, 50), (VALUES (1, 5), (2, -5)) v (p, x);
SELECT pgtrickle.create_stream_table('windows_follow_delta.summed', 'SELECT p, o, x, sum(x) OVER w AS s, sum(x) FILTER (WHERE o <> 1) OVER w AS f FROM copied WINDOW w AS (PARTITION BY p ORDER BY o, x ROWS UNBOUNDED PRECEDING)', '520w', 'DIFFERENTIAL');
INSERT INTO copied VALUES (1, 0, 1), (2, 0, 1);
SELECT pgtrickle.refresh_stream_table('windows_follow_delta.summed');
INSERT INTO copied VALUES (1, 2, 7), (2, 2, 7);
SELECT pgtrickle.refresh_stream_table('windows_follow_delta.summed');
SELECT * FROM summed WHERE o = 2 ORDER BY p;
-- where rows may share a key, it does not show which row is before which: the partition is read from the source
CREATE TABLE at_any_time (id int PRIMARY KEY, v int);
CREATE TABLE at_commit (id int PRIMARY KEY DEFERRABLE, v int);
CREATE TABLE in_parent (id int PRIMARY KEY, v int);
CREATE TABLE in_child () INHERITS (in_parent);
CREATE COLLATION of_any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE by_other_equality (id varchar(10) COLLATE of_any_case NOT NULL, v int);
CREATE UNIQUE INDEX ON by_other_equality (id COLLATE "C");
INSERT INTO at_any_time SELECT g, g FROM generate_series(1, 100) g;
INSERT INTO at_commit TABLE at_any_time;
INSERT INTO in_parent TABLE at_any_time;
INSERT INTO by_other_equality TABLE at_any_time;
INSERT INTO in_child SELECT g, -g FROM generate_series(91, 110) g;
SELECT pgtrickle.create_stream_table('windows_follow_delta.lags_' || name, format('SELECT id, v, lag(v) OVER (ORDER BY id) AS before FROM %s', name), '520w', 'DIFFERENTIAL')
  FROM unnest('{at_any_time,at_commit,in_parent,by_other_equality}'::text[]) name \g /dev/null
CREATE FUNCTION is_read(source text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE read_before bigint; reads text := format('SELECT sum(coalesce(seq_tup_read + idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE relname = %L', source);
BEGIN
  EXECUTE format('INSERT INTO %I VALUES (200, 1)', source);
  EXECUTE reads INTO read_before;
  PERFORM pgtrickle.refresh_stream_table('windows_follow_delta.lags_' || source);
  RETURN (SELECT sum(coalesce(seq_tup_read + idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE relname = source) > read_before;
END $$;
SELECT source, is_read(source) FROM unnest('{at_any_time,at_commit,in_parent,by_other_equality}'::text[]) source;
DROP SCHEMA windows_follow_delta CASCADE;
