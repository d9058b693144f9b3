-- The functions that execute the statements for foreign tables.
CREATE TABLE fn_source (id int PRIMARY KEY, n int);
INSERT INTO fn_source VALUES (1, 10), (2, 20);

SELECT pgtrickle.create_stream_table('fn_st', 'SELECT id, n FROM fn_source', '520w');
SELECT * FROM fn_st ORDER BY id;
-- name_is_parsed_as_sql_does
SELECT pgtrickle.create_stream_table('public."Fn.St"', 'SELECT id FROM fn_source WHERE n > 10');
SELECT * FROM public."Fn.St";
-- name_is_taken
SELECT pgtrickle.create_stream_table('fn_st', 'SELECT id FROM fn_source');
SELECT pgtrickle.create_stream_table('fn_source', 'SELECT id FROM fn_source');
SELECT pgtrickle.create_stream_table_if_not_exists('fn_st', 'SELECT id FROM fn_source');
-- compatible_arguments
SELECT pgtrickle.create_stream_table('fn_compatible', 'SELECT id FROM fn_source', cdc_mode => 'auto',
                                     pooler_compatibility_mode => true, max_differential_joins => 3);
SELECT pgtrickle.create_stream_table('fn_bad', 'SELECT id FROM fn_source', partition_by => 'id');
SELECT pgtrickle.create_stream_table(NULL, 'SELECT id FROM fn_source');
SELECT pgtrickle.create_stream_table('fn_bad', NULL);

-- initialize_false leaves it unpopulated
SELECT pgtrickle.create_stream_table('fn_later', 'SELECT id FROM fn_source', initialize => false, schedule => '520w');
SELECT pgtrickle.refresh_stream_table('fn_later');
SELECT count(*) FROM fn_later;

-- create_or_replace: identical, differing, new
SELECT pgtrickle.create_or_replace_stream_table('fn_st', 'SELECT id, n FROM fn_source', '520w');
SELECT generation FROM pgtrickle.pgt_state WHERE relid = 'fn_st'::regclass;
SELECT pgtrickle.create_or_replace_stream_table('fn_st', 'SELECT id, n + 1 AS n FROM fn_source', '2h');
SELECT * FROM fn_st ORDER BY id;
SELECT schedule, original_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'fn_st';
SELECT pgtrickle.create_or_replace_stream_table('fn_new', 'SELECT n FROM fn_source');
SELECT * FROM fn_new ORDER BY n;

-- create_or_replace: an argument that is left out has its default
SELECT pgtrickle.create_or_replace_stream_table('fn_new', 'SELECT n FROM fn_source', append_only => true);
SELECT 'append_only=true' = ANY (ftoptions) AS is_append_only FROM pg_foreign_table WHERE ftrelid = 'fn_new'::regclass;
SELECT pgtrickle.create_or_replace_stream_table('fn_new', 'SELECT n FROM fn_source');
SELECT 'append_only=true' = ANY (ftoptions) AS is_append_only FROM pg_foreign_table WHERE ftrelid = 'fn_new'::regclass;

-- alter_stream_table
SELECT pgtrickle.alter_stream_table('fn_st', schedule => '5m', refresh_mode => 'FULL');
SELECT schedule, refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'fn_st';
SELECT pgtrickle.alter_stream_table('fn_st', query => 'SELECT id, n * 2 AS n FROM fn_source', tier => 'cold');
SELECT * FROM fn_st ORDER BY id;
SELECT pgtrickle.alter_stream_table('fn_st', status => 'SUSPENDED');
SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'fn_st';
SELECT pgtrickle.resume_stream_table('fn_st');
SELECT pgtrickle.resume_stream_table('fn_st');
SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'fn_st';
SELECT pgtrickle.alter_stream_table('fn_st', status => 'TIRED');
SELECT pgtrickle.alter_stream_table('fn_source', schedule => '1s');

-- words_are_the_same_in_any_case
SELECT pgtrickle.alter_stream_table('fn_st', status => 'Suspended', tier => 'Cold', schedule => '1H', cdc_mode => 'Auto',
                                    diamond_consistency => 'NONE', diamond_schedule_policy => 'Slowest',
                                    pooler_compatibility_mode => false);
SELECT status, refresh_tier, diamond_consistency, diamond_schedule_policy, ftoptions @> '{tier=Cold,schedule=1H}' AS is_as_written
  FROM pgtrickle.pgt_stream_tables JOIN pg_foreign_table ON ftrelid = pgt_relid WHERE pgt_name = 'fn_st';
SELECT pgtrickle.alter_stream_table('fn_st', status => 'active');
ALTER FOREIGN TABLE fn_st OPTIONS (SET tier 'FROZEN');
SELECT status FROM pgtrickle.pgt_status() WHERE name ~ 'fn_st';
ALTER FOREIGN TABLE fn_st OPTIONS (DROP tier, SET diamond_consistency 'Neither');
ALTER FOREIGN TABLE fn_st OPTIONS (DROP tier);

-- drop_restricts, also because of a view
SELECT pgtrickle.create_stream_table('fn_reader', 'SELECT n FROM fn_st');
CREATE VIEW fn_view AS SELECT * FROM fn_reader;
SELECT pgtrickle.drop_stream_table('fn_st');
SELECT pgtrickle.drop_stream_table('fn_reader');
SELECT pgtrickle.drop_stream_table('fn_st', cascade => true);
SELECT pgtrickle.drop_stream_table('fn_st');
DROP TABLE fn_source CASCADE;
SELECT pgt_name FROM pgtrickle.pgt_stream_tables;
