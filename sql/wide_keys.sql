-- Keys of more columns than a function can have arguments, or an index columns.
CREATE SCHEMA wide;
SET search_path = wide;
DO $$ BEGIN
  EXECUTE (SELECT format('CREATE TABLE wide (id int PRIMARY KEY, %s)', string_agg('c' || i || ' numeric', ', ' ORDER BY i)) FROM generate_series(1, 110) i);
  INSERT INTO wide (id, c1) VALUES (1, 2), (2, 2.0), (3, 3);
  EXECUTE (SELECT format('CREATE FOREIGN TABLE grouped () SERVER pgtrickle OPTIONS (query %L)',
                         format('SELECT %1$s, count(*) AS n FROM wide GROUP BY %1$s', string_agg('c' || i, ', ' ORDER BY i))) FROM generate_series(1, 110) i);
  EXECUTE (SELECT format('CREATE FOREIGN TABLE distinct_ones () SERVER pgtrickle OPTIONS (query %L)',
                         format('SELECT DISTINCT %1$s FROM (SELECT %2$s FROM wide) w', string_agg('c' || i, ', ' ORDER BY i), string_agg(format('c%1$s::int AS c%1$s', i), ', ' ORDER BY i))) FROM generate_series(1, 110) i);
  EXECUTE (SELECT format('CREATE FOREIGN TABLE numbered () SERVER pgtrickle OPTIONS (query %L)',
                         format('SELECT id, row_number() OVER (PARTITION BY %1$s ORDER BY id) AS n FROM wide', string_agg('c' || i || '::int', ', ' ORDER BY i))) FROM generate_series(1, 40) i);
END $$;
SELECT pgt_name, refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'wide' ORDER BY 1;
UPDATE wide SET c2 = 5, c110 = 1.0 WHERE id = 1;
INSERT INTO wide (id, c1) VALUES (4, 2.00);
SET pg_trickle.read_mode = exact;
SELECT c1, c2, c110, n FROM grouped ORDER BY 1, 2;
SELECT c1, c2, c110 FROM distinct_ones ORDER BY 1, 2;
SELECT * FROM numbered ORDER BY 1;
RESET pg_trickle.read_mode;
SELECT pgtrickle.refresh_stream_table('grouped'), pgtrickle.refresh_stream_table('distinct_ones'), pgtrickle.refresh_stream_table('numbered');
SELECT c1, c2, c110, n FROM grouped ORDER BY 1, 2;
SELECT c1, c2, c110 FROM distinct_ones ORDER BY 1, 2;
SELECT * FROM numbered ORDER BY 1;
DELETE FROM wide WHERE id IN (2, 4);
SELECT pgtrickle.refresh_stream_table('grouped'), pgtrickle.refresh_stream_table('distinct_ones'), pgtrickle.refresh_stream_table('numbered');
SELECT c1, c2, c110, n FROM grouped ORDER BY 1, 2;
SELECT c1, c2, c110 FROM distinct_ones ORDER BY 1, 2;
SELECT * FROM numbered ORDER BY 1;
SET client_min_messages = warning;
DROP SCHEMA wide CASCADE;
