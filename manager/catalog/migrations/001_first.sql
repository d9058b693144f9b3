-- The catalog: what the manager knows across databases. A projection: PostgreSQL holds the
-- truth, and the loss of this file loses the history of refreshes and nothing else.
--
-- A row can be older than what it speaks of (a crash between a commit and its projection,
-- a backup restored): rows that are acted on carry the cluster's system identifier, its timeline and
-- the definition's generation, and are believed only if these agree.
-- Times are microseconds since 2000-01-01 00:00 UTC.

CREATE TABLE cluster_database (             -- databases the launcher has looked into
  system_identifier INTEGER NOT NULL,
  timeline          INTEGER NOT NULL,
  database          INTEGER NOT NULL,
  stream_tables     INTEGER NOT NULL,
  looked_at         INTEGER NOT NULL,
  PRIMARY KEY (database)
) STRICT;

CREATE TABLE registry (                     -- every stream table of every database
  database    INTEGER NOT NULL,
  relid       INTEGER NOT NULL,
  timeline    INTEGER NOT NULL,
  generation  INTEGER NOT NULL,
  schema_name TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  schedule    TEXT    NOT NULL,
  status      TEXT    NOT NULL,
  PRIMARY KEY (database, relid)
) STRICT, WITHOUT ROWID;

CREATE TABLE graph (                        -- who reads whom
  database        INTEGER NOT NULL,
  relid           INTEGER NOT NULL,
  source          INTEGER NOT NULL,
  is_stream_table INTEGER NOT NULL,
  PRIMARY KEY (database, relid, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE program (                      -- the statements a refresh runs
  database   INTEGER NOT NULL,
  relid      INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  purpose    TEXT    NOT NULL,
  statement  TEXT    NOT NULL,
  PRIMARY KEY (database, relid, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE back_off (                     -- stream tables whose last refresh failed
  database   INTEGER NOT NULL,
  relid      INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  failures   INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  PRIMARY KEY (database, relid)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (                      -- refreshes, failed ones too
  refresh_id     INTEGER PRIMARY KEY AUTOINCREMENT,
  database       INTEGER NOT NULL,
  relid          INTEGER NOT NULL,
  data_timestamp INTEGER NOT NULL,
  started_at     INTEGER NOT NULL,
  ended_at       INTEGER NOT NULL,
  action         TEXT    NOT NULL,
  status         TEXT    NOT NULL,
  initiated_by   TEXT    NOT NULL,
  rows_inserted  INTEGER NOT NULL,
  rows_deleted   INTEGER NOT NULL,
  delta_rows     INTEGER NOT NULL,
  was_full_fallback INTEGER NOT NULL,
  error_message  TEXT    NOT NULL
) STRICT;
CREATE INDEX history_by_stream_table ON history (database, relid, refresh_id);
CREATE INDEX history_by_end ON history (ended_at);

CREATE TABLE cost (                         -- what refreshes took, by what was done
  database   INTEGER NOT NULL,
  relid      INTEGER NOT NULL,
  action     TEXT    NOT NULL,
  refreshes  INTEGER NOT NULL,
  total_us   INTEGER NOT NULL,
  delta_rows INTEGER NOT NULL,
  last_us    INTEGER NOT NULL,
  PRIMARY KEY (database, relid, action)
) STRICT, WITHOUT ROWID;
