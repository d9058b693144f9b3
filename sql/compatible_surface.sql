-- Tools of the public extension find its arguments, columns and settings.
CREATE SCHEMA compatible_surface;
SET search_path = compatible_surface;
CREATE TABLE source (id int PRIMARY KEY, n int);
INSERT INTO source VALUES (1, 10), (2, 20);

-- an_adapter_passes_all_arguments_by_position
SELECT pgtrickle.create_or_replace_stream_table('compatible_surface.kept', 'SELECT id, n FROM source WHERE n > 5', '520w',
  'DIFFERENTIAL', true, 'atomic', 'fastest', NULL, false, false, NULL, NULL, NULL, NULL, false, NULL);
SELECT pgtrickle.create_stream_table_if_not_exists('compatible_surface.other', 'SELECT n FROM source', '520w',
  max_differential_joins => 5, max_delta_fraction => 0.5, output_distribution_column => 'n', storage_backend => 'columnar');
SELECT pgtrickle.create_stream_table('compatible_surface.past', 'SELECT n FROM source', temporal => true);
SELECT pgtrickle.alter_stream_table('compatible_surface.other', fuse => 'on', fuse_ceiling => 1000, fuse_sensitivity => 3,
  max_differential_joins => 5, max_delta_fraction => 0.5);

-- the_query_in_another_spelling_keeps_the_rows
CREATE FUNCTION rows_of_kept() RETURNS text LANGUAGE sql AS
  $$ SELECT generation || ' ' || pg_relation_filenode('pg_trickle_storage.st_' || relid) FROM pgtrickle.pgt_state WHERE relid = 'kept'::regclass $$;
SELECT rows_of_kept() AS before \gset
SELECT pgtrickle.create_or_replace_stream_table('compatible_surface.kept',
  'select  id, compatible_surface.source.n from source /* of today */ where ((n) > 5)', '520w', 'DIFFERENTIAL');
ALTER FOREIGN TABLE kept OPTIONS (SET query 'SELECT id, n FROM source WHERE n > 5 -- again');
SELECT split_part(rows_of_kept(), ' ', 2) = split_part(:'before', ' ', 2) AS is_same_heap, original_query
  FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'kept';
-- another_meaning_in_the_same_words_does_not
CREATE SCHEMA compatible_surface_2;
CREATE TABLE compatible_surface_2.source (id int PRIMARY KEY, n int);
INSERT INTO compatible_surface_2.source VALUES (3, 30);
SET search_path = compatible_surface_2, compatible_surface;
SELECT pgtrickle.create_or_replace_stream_table('compatible_surface.kept', 'SELECT id, n FROM source WHERE n > 5 -- again', '520w', 'DIFFERENTIAL');
SELECT * FROM kept;
SET search_path = compatible_surface;

-- a_suspended_stream_table_is_not_refreshed
SELECT pgtrickle.alter_stream_table('kept', status => 'SUSPENDED');
SELECT pgtrickle.refresh_stream_table('kept');
SELECT pgtrickle.resume_stream_table('kept');

-- columns
SELECT status, refresh_mode, is_populated, staleness, stale, consecutive_errors, last_refresh_at IS NOT NULL AS has_time, total_refreshes > 0 AS is_counted
  FROM pgtrickle.pg_stat_stream_tables WHERE pgt_schema = 'compatible_surface' ORDER BY pgt_name;
SELECT pgtrickle.create_stream_table('compatible_surface.first', 'SELECT id FROM source ORDER BY id LIMIT 1', '520w');
SELECT pgt_name, stale, is_topk FROM pgtrickle.stream_tables_info WHERE pgt_schema = 'compatible_surface' ORDER BY pgt_name;
SELECT pgtrickle.create_stream_table('compatible_surface.parts', 'SELECT id, n FROM source', '520w', partition_by => 'HASH (id, 2)');
SELECT pgt_name, requested_cdc_mode, fuse_mode, fuse_ceiling, fuse_sensitivity, st_partition_key
  FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'compatible_surface' ORDER BY pgt_name;
SELECT pgtrickle.gate_source('source');
SELECT source_table, schema_name, gated, gated_at IS NOT NULL AS has_begin, ungated_at IS NOT NULL AS has_end, gated_by = current_user AS by_me
  FROM pgtrickle.source_gates() WHERE schema_name = 'compatible_surface';
SELECT pgtrickle.ungate_source('source');
SELECT source_table, gated, ungated_at IS NOT NULL AS has_end FROM pgtrickle.source_gates() WHERE schema_name = 'compatible_surface';
SELECT pgtrickle.create_watermark_group('of_compatible_surface', ARRAY['source', 'compatible_surface_2.source'], 60);
SELECT pgtrickle.advance_watermark('source', '2030-01-01 10:00Z');
SELECT aligned, sources_total, sources_with_watermark FROM pgtrickle.watermark_status() WHERE group_name = 'of_compatible_surface';
SELECT pgtrickle.advance_watermark('compatible_surface_2.source', '2030-01-01 10:01Z');
SELECT aligned, sources_total, sources_with_watermark FROM pgtrickle.watermark_status() WHERE group_name = 'of_compatible_surface';
SELECT source_table, schema_name, watermark = '2030-01-01 10:00Z' AS is_first, updated_at IS NOT NULL AS has_time, advanced_by = current_user AS by_me
  FROM pgtrickle.watermarks() WHERE schema_name ~ 'compatible_surface' ORDER BY 2;
SELECT pgtrickle.drop_watermark_group('of_compatible_surface');
SELECT member_name, schedule_policy FROM pgtrickle.diamond_groups() WHERE pgt_schema = 'compatible_surface';

-- no_publication_of_a_stream_table
SELECT pgtrickle.stream_table_to_publication(format('%I.%I', pgt_schema, pgt_name)) FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'compatible_surface' ORDER BY pgt_name LIMIT 1;
SELECT pgtrickle.drop_stream_table_publication(format('%I.%I', pgt_schema, pgt_name)) FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'compatible_surface' ORDER BY pgt_name LIMIT 1;

-- settings_in_milliseconds_are_bare_numbers
SHOW pg_trickle.scheduler_interval_ms;
DROP SCHEMA compatible_surface, compatible_surface_2 CASCADE;
