-- The captured relations, and the formats in which their change logs are written.

-- No column has a default: a writer would have to load pg_attrdef, too, before its first write.
CREATE TABLE pgtrickle.pgt_source (
  relid           oid  PRIMARY KEY,                 -- a table, a partitioned table or a stream table
  segments        oid[] NOT NULL,                   -- the heaps of its change log
  files           oid[] NOT NULL,                   -- of each, its relfilenode when it was made or emptied
  current_segment int2 NOT NULL,                    -- the segment to which writers write; readers probe all
  version         int2 NOT NULL,                    -- of the format in which writers write
  is_active       bool NOT NULL,                    -- false: the log has no readers, and the triggers do nothing
  trim_horizon    xid8,                             -- a snapshot that does not see this transaction must not read the log,
  standby_horizon xid8,                             -- nor one of a standby that does not see this one
  was_unlogged    bool NOT NULL,                    -- rows of it were in an unlogged table: it has a sentinel from then on
  unneeded        pg_snapshot[]                     -- of each segment, when no stream table was found to need it
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.pgt_source IS 'internal: relations whose changes are logged';

-- A chunk is decoded by the format in which it was written, even if the columns have changed since.
CREATE TABLE pgtrickle.pgt_source_format (
  relid    oid    NOT NULL,
  version  int2   NOT NULL,
  attnums  int2[] NOT NULL,                         -- the logged columns, ascending
  types    oid[]  NOT NULL,
  typmods  int4[] NOT NULL,
  lengths  int2[] NOT NULL,                         -- attlen, attbyval and attalign of each
  by_value bool[] NOT NULL,
  aligns   "char"[] NOT NULL,
  PRIMARY KEY (relid, version)
);
COMMENT ON TABLE pgtrickle.pgt_source_format IS 'internal: formats in which change logs are written';

-- A crash empties this table together with all unlogged sources.
CREATE UNLOGGED TABLE pgtrickle.pgt_unlogged_sentinel (
  relid oid PRIMARY KEY                             -- a source that is, or has as a child, an unlogged table
);
COMMENT ON TABLE pgtrickle.pgt_unlogged_sentinel IS 'internal: unlogged sources that no crash has emptied since their capture started';

CREATE FUNCTION pgtrickle.pgt_capture() RETURNS trigger
  LANGUAGE c
  AS 'MODULE_PATHNAME', 'pgtrickle_capture';
COMMENT ON FUNCTION pgtrickle.pgt_capture() IS 'internal: logs the changes of a source';
