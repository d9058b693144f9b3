-- A catalog of version 1 with rows, as its release wrote it (sqlite3 .dump). Never edited: later releases migrate it.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE cluster_database (             -- databases the launcher has looked into
  system_identifier INTEGER NOT NULL,
  timeline          INTEGER NOT NULL,
  database          INTEGER NOT NULL,
  stream_tables     INTEGER NOT NULL,
  looked_at         INTEGER NOT NULL,
  PRIMARY KEY (database)
) STRICT;
INSERT INTO cluster_database VALUES(7000000000000000001,1,5,2,845000000000000);
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
INSERT INTO registry VALUES(5,100,1,3,'public','orders_by_day','1m','ACTIVE');
INSERT INTO registry VALUES(5,101,1,1,'public','daily','@daily','SUSPENDED');
CREATE TABLE graph (                        -- who reads whom
  database        INTEGER NOT NULL,
  relid           INTEGER NOT NULL,
  source          INTEGER NOT NULL,
  is_stream_table INTEGER NOT NULL,
  PRIMARY KEY (database, relid, source)
) STRICT, WITHOUT ROWID;
INSERT INTO graph VALUES(5,100,90,0);
INSERT INTO graph VALUES(5,101,100,1);
CREATE TABLE program (                      -- the statements a refresh runs
  database   INTEGER NOT NULL,
  relid      INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  purpose    TEXT    NOT NULL,
  statement  TEXT    NOT NULL,
  PRIMARY KEY (database, relid, number)
) STRICT, WITHOUT ROWID;
INSERT INTO program VALUES(5,100,3,1,'delta','SELECT 1');
CREATE TABLE back_off (                     -- stream tables whose last refresh failed
  database   INTEGER NOT NULL,
  relid      INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  failures   INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  PRIMARY KEY (database, relid)
) STRICT, WITHOUT ROWID;
INSERT INTO back_off VALUES(5,101,1,3,845000100000000);
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
INSERT INTO history VALUES(1,5,100,844999999000000,844999999000000,844999999002500,'FULL','COMPLETED','INITIAL',10,0,0,0,'');
INSERT INTO history VALUES(2,5,100,845000000000000,845000000000000,845000000000750,'DIFFERENTIAL','COMPLETED','SCHEDULER',2,1,3,0,'');
INSERT INTO history VALUES(3,5,101,0,845000000100000,845000000100250,'SKIP','FAILED','SCHEDULER',0,0,0,0,'division by zero');
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
INSERT INTO cost VALUES(5,100,'DIFFERENTIAL',1,750,3,750);
INSERT INTO cost VALUES(5,100,'FULL',1,2500,0,2500);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('history',3);
CREATE INDEX history_by_stream_table ON history (database, relid, refresh_id);
CREATE INDEX history_by_end ON history (ended_at);
COMMIT;
PRAGMA user_version = 1;
