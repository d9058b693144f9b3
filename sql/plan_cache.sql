-- Programs and plans are cached up to a limit: the least recently used ones are dropped, and created again when they are needed.
CREATE TABLE pc_source (id int PRIMARY KEY, grp int, amount int);
INSERT INTO pc_source SELECT g, g % 3, g FROM generate_series(1, 30) g;
CREATE FUNCTION pc_make(name text, query text) RETURNS void LANGUAGE sql
  AS $$SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL')$$;
SELECT pc_make('pc_sum', 'SELECT grp, sum(amount) AS amount, min(id) AS least FROM pc_source GROUP BY grp');
SELECT pc_make('pc_rows', 'SELECT id, amount FROM pc_source WHERE grp = 1');
SELECT pc_make('pc_pairs', 'SELECT a.id, b.amount FROM pc_source a JOIN pc_source b ON b.id = a.amount');
SELECT pc_make('pc_above', 'SELECT count(*) AS n, sum(amount) AS amount FROM pc_sum');
-- Changes the sources and refreshes the stream tables in turn, several times; returns how many are cached in the end.
CREATE FUNCTION pc_run(cache text) RETURNS TABLE (kept bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('pg_trickle.plan_cache_size', cache, false);
  FOR turn IN 1 .. 3 LOOP
    UPDATE pc_source SET amount = amount + turn, grp = (grp + 1) % 3 WHERE id % 5 = turn;
    PERFORM pgtrickle.refresh_stream_table('pc_rows');
    PERFORM pgtrickle.refresh_stream_table('pc_pairs');
    UPDATE pc_source SET amount = amount - 1 WHERE id = turn;
    PERFORM pgtrickle.refresh_stream_table('pc_above');
  END LOOP;
  PERFORM pgtrickle.refresh_stream_table('pc_rows');
  RETURN QUERY SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'pg_trickle compiled stream table';
END $$;
CREATE VIEW pc_wrong AS
  (SELECT id, amount FROM pc_rows EXCEPT ALL SELECT id, amount FROM pc_source WHERE grp = 1)
  UNION ALL (SELECT id, amount FROM pc_source WHERE grp = 1 EXCEPT ALL SELECT id, amount FROM pc_rows);
CREATE VIEW pc_sums AS
  SELECT (SELECT amount FROM pc_above) = (SELECT sum(amount) FROM pc_source) AS above_is_right,
         (SELECT sum(amount) FROM pc_sum) = (SELECT sum(amount) FROM pc_source) AS sum_is_right;
SELECT kept >= 4 AS all_are_kept FROM pc_run('64MB');
SELECT * FROM pc_wrong;
SELECT * FROM pc_sums;
-- nothing is kept beyond the refresh that uses it
SELECT kept AS only_the_last FROM pc_run('0');
SELECT * FROM pc_wrong;
SELECT * FROM pc_sums;
-- room for one: the others are dropped
SELECT kept BETWEEN 1 AND 2 AS few_are_kept FROM pc_run('60kB');
SELECT * FROM pc_wrong;
SELECT * FROM pc_sums;
SELECT pgtrickle.refresh_stream_table('pc_pairs');
SELECT count(*) FROM pc_pairs p FULL JOIN (SELECT a.id, b.amount FROM pc_source a JOIN pc_source b ON b.id = a.amount) q
  ON q.id = p.id AND q.amount = p.amount WHERE p.id IS NULL OR q.id IS NULL;
RESET pg_trickle.plan_cache_size;
DROP TABLE pc_source CASCADE;
DROP FUNCTION pc_make, pc_run;
