-- The functions that create, change and drop stream tables. Each runs the corresponding statement.

CREATE FUNCTION pgtrickle.create_stream_table(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize bool DEFAULT true, diamond_consistency text DEFAULT NULL, diamond_schedule_policy text DEFAULT NULL,
    cdc_mode text DEFAULT NULL, append_only bool DEFAULT false, pooler_compatibility_mode bool DEFAULT false,
    partition_by text DEFAULT NULL, max_differential_joins int DEFAULT NULL, max_delta_fraction float8 DEFAULT NULL,
    output_distribution_column text DEFAULT NULL, temporal bool DEFAULT false, storage_backend text DEFAULT NULL
  ) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_create_stream_table';
COMMENT ON FUNCTION pgtrickle.create_stream_table(text, text, text, text, bool, text, text, text, bool, bool, text, int, float8, text, bool, text)
  IS 'creates a stream table, which is a foreign table on the server pgtrickle';

CREATE FUNCTION pgtrickle.create_stream_table_if_not_exists(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize bool DEFAULT true, diamond_consistency text DEFAULT NULL, diamond_schedule_policy text DEFAULT NULL,
    cdc_mode text DEFAULT NULL, append_only bool DEFAULT false, pooler_compatibility_mode bool DEFAULT false,
    partition_by text DEFAULT NULL, max_differential_joins int DEFAULT NULL, max_delta_fraction float8 DEFAULT NULL,
    output_distribution_column text DEFAULT NULL, temporal bool DEFAULT false, storage_backend text DEFAULT NULL
  ) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_create_stream_table_if_not_exists';
COMMENT ON FUNCTION pgtrickle.create_stream_table_if_not_exists(text, text, text, text, bool, text, text, text, bool, bool, text, int, float8, text, bool, text)
  IS 'creates a stream table; if the name exists, raises a NOTICE and does nothing';

CREATE FUNCTION pgtrickle.create_or_replace_stream_table(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize bool DEFAULT true, diamond_consistency text DEFAULT NULL, diamond_schedule_policy text DEFAULT NULL,
    cdc_mode text DEFAULT NULL, append_only bool DEFAULT false, pooler_compatibility_mode bool DEFAULT false,
    partition_by text DEFAULT NULL, max_differential_joins int DEFAULT NULL, max_delta_fraction float8 DEFAULT NULL,
    output_distribution_column text DEFAULT NULL, temporal bool DEFAULT false, storage_backend text DEFAULT NULL
  ) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_create_or_replace_stream_table';
COMMENT ON FUNCTION pgtrickle.create_or_replace_stream_table(text, text, text, text, bool, text, text, text, bool, bool, text, int, float8, text, bool, text)
  IS 'creates a stream table, or alters the existing one to match the arguments';

CREATE FUNCTION pgtrickle.alter_stream_table(
    name text, query text DEFAULT NULL, schedule text DEFAULT NULL, refresh_mode text DEFAULT NULL,
    status text DEFAULT NULL, diamond_consistency text DEFAULT NULL, diamond_schedule_policy text DEFAULT NULL,
    cdc_mode text DEFAULT NULL, append_only bool DEFAULT NULL, pooler_compatibility_mode bool DEFAULT NULL,
    tier text DEFAULT NULL, fuse text DEFAULT NULL, fuse_ceiling bigint DEFAULT NULL, fuse_sensitivity int DEFAULT NULL,
    partition_by text DEFAULT NULL, max_differential_joins int DEFAULT NULL, max_delta_fraction float8 DEFAULT NULL
  ) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_alter_stream_table';
COMMENT ON FUNCTION pgtrickle.alter_stream_table(text, text, text, text, text, text, text, text, bool, bool, text, text, bigint, int, text, int, float8)
  IS 'alters a stream table; an argument that is NULL leaves its property unchanged';

CREATE FUNCTION pgtrickle.drop_stream_table(name text, cascade bool DEFAULT false) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_drop_stream_table';
COMMENT ON FUNCTION pgtrickle.drop_stream_table(text, bool) IS 'drops a stream table';

CREATE FUNCTION pgtrickle.drop_partition(name text, partition text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_drop_partition';
COMMENT ON FUNCTION pgtrickle.drop_partition(text, text)
  IS 'raises an error: the partitions of a stream table have the rows that its query returns';

CREATE FUNCTION pgtrickle.stream_table_to_publication(name text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_stream_table_to_publication';
COMMENT ON FUNCTION pgtrickle.stream_table_to_publication(text)
  IS 'raises an error: publish the sources, and create the stream table on the subscriber';

CREATE FUNCTION pgtrickle.drop_stream_table_publication(name text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_drop_stream_table_publication';
COMMENT ON FUNCTION pgtrickle.drop_stream_table_publication(text)
  IS 'raises an error: a stream table has no publication';

CREATE FUNCTION pgtrickle.resume_stream_table(name text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_resume_stream_table';
COMMENT ON FUNCTION pgtrickle.resume_stream_table(text)
  IS 'reactivates a suspended stream table and clears its error count';

CREATE FUNCTION pgtrickle.refresh_stream_table(name text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_refresh_stream_table';
COMMENT ON FUNCTION pgtrickle.refresh_stream_table(text)
  IS 'refreshes a stream table and its upstream stream tables in the current transaction';
