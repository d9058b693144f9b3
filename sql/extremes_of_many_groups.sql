-- Groups that lost their extremum are read again: by look-ups if they are few, in one pass over the source if they are a
-- large part of it.
SET client_min_messages = warning;
CREATE SCHEMA extremes_of_many_groups;
SET search_path = extremes_of_many_groups;
CREATE TABLE bid (id int PRIMARY KEY, item int, price int);
INSERT INTO bid SELECT g, g % 2000, g FROM generate_series(1, 60000) g;
INSERT INTO bid SELECT 60000 + g, NULL, g FROM generate_series(1, 30) g;
CREATE INDEX ON bid (item);
VACUUM ANALYZE bid;
SELECT pgtrickle.create_stream_table('best', 'SELECT item, min(price) AS least, max(price) AS most FROM bid GROUP BY item', '520w', 'DIFFERENTIAL') \g /dev/null

CREATE FUNCTION reads(change text, OUT whole bigint, OUT looks_up_many boolean) LANGUAGE plpgsql AS $$
DECLARE whole_before bigint; index_before bigint;
BEGIN
  EXECUTE change;
  SELECT seq_scan, idx_tup_fetch INTO whole_before, index_before FROM pg_stat_xact_all_tables WHERE relid = 'bid'::regclass;
  PERFORM pgtrickle.refresh_stream_table('best');
  SELECT seq_scan - whole_before, idx_tup_fetch - index_before > 1000 INTO whole, looks_up_many FROM pg_stat_xact_all_tables WHERE relid = 'bid'::regclass;
END $$;

-- every second group and that of NULLs lose the least price
SELECT 'many_groups_lose_extremum' AS name, * FROM reads('DELETE FROM bid WHERE id <= 2000 AND id % 2 = 0 OR id = 60001');
SELECT * FROM test.differences('best');
SELECT 'few_groups_lose_extremum' AS name, * FROM reads('DELETE FROM bid WHERE id <= 21 AND id % 2 = 1 OR id = 60002');
SELECT * FROM test.differences('best');
SELECT 'many_groups_move_extremum' AS name, * FROM reads('UPDATE bid SET price = -price WHERE id > 58000 AND id <= 59500');
SELECT * FROM test.differences('best');
SELECT 'many_groups_gain_extremum' AS name, * FROM reads('INSERT INTO bid SELECT 70000 + g, g % 2000, 100000 + g FROM generate_series(1, 1500) g');
SELECT * FROM test.differences('best');
DROP SCHEMA extremes_of_many_groups CASCADE;
