-- A query that is nested too deeply for the stack is maintained by full refreshes, and the server continues.
SET search_path = public;
CREATE TABLE deep_t (id int PRIMARY KEY, v int);
INSERT INTO deep_t SELECT i, i FROM generate_series(1, 3) i;

CREATE FUNCTION with_parts(count int) RETURNS text LANGUAGE sql AS $$
  SELECT 'SELECT id FROM deep_t WHERE ' || string_agg('v <> ' || i, ' AND ') FROM generate_series(2, count + 1) i
$$;
CREATE FUNCTION with_levels(count int) RETURNS text LANGUAGE sql AS $$
  SELECT repeat('SELECT * FROM (', count) || 'SELECT id FROM deep_t WHERE v <> 0 AND ' || string_agg('v <> -' || i, ' AND ')
      || string_agg(') AS s' || i || ' WHERE ' || (SELECT string_agg('id <> -' || k, ' AND ') FROM generate_series(1, 400) k), '')
    FROM generate_series(1, count) i
$$;

-- conditions_of_many_parts
SELECT pgtrickle.create_stream_table('deep_and', with_parts(8000), '520w');
SELECT refresh_mode, effective_refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'deep_and';
SELECT pgtrickle.create_stream_table('deep_refused', with_parts(8000), '520w', 'DIFFERENTIAL');
SELECT * FROM deep_and ORDER BY id;

-- operators_one_above_the_other
SELECT pgtrickle.create_stream_table('deep_levels', with_levels(12), '520w');
SELECT pgtrickle.create_stream_table('deep_refused', with_levels(12), '520w', 'DIFFERENTIAL');
SELECT * FROM deep_levels ORDER BY id;

-- less_deep_queries_are_maintained_by_deltas
SELECT pgtrickle.create_stream_table('deep_enough', with_parts(500), '520w', 'DIFFERENTIAL');
INSERT INTO deep_t VALUES (4, 4), (9000, 9000);
SET pg_trickle.max_staleness = '0s';
SET pg_trickle.scan_refresh_timeout = '60s';
SELECT * FROM deep_enough ORDER BY id;
SELECT * FROM deep_and ORDER BY id;

DROP TABLE deep_t CASCADE;
