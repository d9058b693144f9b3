-- A query of more relations than an integer has bits.
CREATE SCHEMA many_inputs;
SET search_path = many_inputs;
SELECT format('CREATE TABLE t%s (id int PRIMARY KEY, v int)', i) FROM generate_series(1, 70) i \gexec
SELECT string_agg(format('SELECT %s AS source, id, v FROM many_inputs.t%s', i, i), ' UNION ALL ' ORDER BY i) AS query
  FROM generate_series(1, 70) i \gset
SELECT pgtrickle.create_stream_table('everything', :'query', '520w', 'DIFFERENTIAL');
-- changes_of_the_first_and_of_the_last_are_applied, alone and together
INSERT INTO t1 VALUES (1, 1);
SELECT pgtrickle.refresh_stream_table('everything');
SELECT * FROM everything ORDER BY source, id;
INSERT INTO t70 VALUES (1, 70);
SELECT pgtrickle.refresh_stream_table('everything');
SELECT * FROM everything ORDER BY source, id;
INSERT INTO t6 VALUES (1, 6);
INSERT INTO t64 VALUES (1, 64);
INSERT INTO t65 VALUES (1, 65);
UPDATE t70 SET v = 71;
DELETE FROM t1;
SELECT pgtrickle.refresh_stream_table('everything');
SELECT * FROM everything ORDER BY source, id;
SELECT DISTINCT action FROM pgtrickle.get_refresh_history('everything') ORDER BY 1;
-- changes_of_counts_by_table, alone, together, and alone again
SELECT string_agg(format('SELECT %s AS source, count(*) AS n, sum(v) FROM many_inputs.t%s', i, i), ' UNION ALL ' ORDER BY i) AS query
  FROM generate_series(1, 70) i \gset
SELECT pgtrickle.create_stream_table('counts', :'query', '520w', 'DIFFERENTIAL');
INSERT INTO t65 VALUES (2, 1);
SELECT pgtrickle.refresh_stream_table('counts');
SELECT * FROM counts WHERE n > 0 ORDER BY source;
SELECT format('INSERT INTO many_inputs.t%s VALUES (3, 1)', i) FROM generate_series(61, 70) i \gexec
SELECT pgtrickle.refresh_stream_table('counts');
SELECT * FROM counts WHERE n > 0 ORDER BY source;
INSERT INTO t65 VALUES (4, 1);
INSERT INTO t2 VALUES (4, 1);
SELECT pgtrickle.refresh_stream_table('counts');
SELECT * FROM counts WHERE n > 0 ORDER BY source;
SELECT count(DISTINCT m) FROM pgtrickle.explain_st('counts'), regexp_matches(value, 'pgt_delta_a\d+', 'g') m
  WHERE property = 'storage: delta statement';
SELECT DISTINCT action FROM pgtrickle.get_refresh_history('counts') ORDER BY 1;
SET client_min_messages = warning;
DROP SCHEMA many_inputs CASCADE;
