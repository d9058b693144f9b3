-- Watermarks: the time up to which a source is complete. A stream table that reads a source of a group is
-- refreshed once for each advance of the group as a whole.

CREATE TABLE pgtrickle.pgt_watermark_group (
  name        text PRIMARY KEY,
  tolerance_s float8 NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE pgtrickle.pgt_watermark_group IS 'internal: groups of sources that are loaded together, with their tolerances';
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_watermark_group', '');

CREATE TABLE pgtrickle.pgt_watermark (
  source      regclass PRIMARY KEY,
  watermark   timestamptz NOT NULL,
  advanced_at timestamptz NOT NULL,
  advanced_by text NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.pgt_watermark IS 'internal: watermark of each source';
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_watermark', 'WHERE false'); -- its rows are those of pgt_dumped_row

-- Not dumped, because restored stream tables are filled from nothing.
CREATE TABLE pgtrickle.pgt_watermark_taken (
  relid      oid NOT NULL,                          -- the stream table
  group_name text NOT NULL,
  watermark  timestamptz NOT NULL,                  -- of the group, when the stream table was refreshed
  group_created_at timestamptz NOT NULL,            -- distinguishes it from other groups of that name
  PRIMARY KEY (relid, group_name)
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.pgt_watermark_taken IS 'internal: watermarks as of the last refresh of each stream table';

CREATE FUNCTION pgtrickle.create_watermark_group(name text, sources text[], tolerance_secs float8 DEFAULT 0) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_create_watermark_group';
COMMENT ON FUNCTION pgtrickle.create_watermark_group(text, text[], float8)
  IS 'creates a watermark group: stream tables that read at least two of its sources are refreshed only when the watermarks of all its sources have advanced and differ by no more than the tolerance';

CREATE FUNCTION pgtrickle.drop_watermark_group(name text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_drop_watermark_group';
COMMENT ON FUNCTION pgtrickle.drop_watermark_group(text) IS 'drops a watermark group; stream tables that it held are refreshed when due';

CREATE FUNCTION pgtrickle.advance_watermark(source text, watermark timestamptz) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_advance_watermark';
COMMENT ON FUNCTION pgtrickle.advance_watermark(text, timestamptz)
  IS 'sets the time up to which the data of a table is complete, effective at commit; the watermark cannot move back';

CREATE FUNCTION pgtrickle.watermarks(
    OUT source_table text, OUT schema_name text, OUT watermark timestamptz, OUT updated_at timestamptz, OUT advanced_by text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_watermarks';
COMMENT ON FUNCTION pgtrickle.watermarks() IS 'watermarks of the tables that the caller may read';

CREATE FUNCTION pgtrickle.watermark_groups(
    OUT group_name text, OUT sources text[], OUT tolerance_secs float8, OUT created_at timestamptz
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_watermark_groups';
COMMENT ON FUNCTION pgtrickle.watermark_groups() IS 'watermark groups whose tables the caller may read';

CREATE FUNCTION pgtrickle.watermark_status(
    OUT group_name text, OUT advanced_to timestamptz, OUT least_watermark timestamptz, OUT greatest_watermark timestamptz,
    OUT lag_secs float8, OUT lagging_source text, OUT waiting_stream_tables int, OUT aligned bool, OUT sources_total int,
    OUT sources_with_watermark int
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_watermark_status';
COMMENT ON FUNCTION pgtrickle.watermark_status()
  IS 'progress of each watermark group (NULL if it has not advanced as a whole), the source that is last, and the number of stream tables that wait for it';
