-- Of stream tables refreshed very often the oldest refreshes are merged by the hour (retention.cpp).

CREATE TABLE history_hour (
  database      INTEGER NOT NULL,
  relid         INTEGER NOT NULL,
  hour          INTEGER NOT NULL,           -- its beginning
  action        TEXT    NOT NULL,
  status        TEXT    NOT NULL,
  initiated_by  TEXT    NOT NULL,
  refreshes     INTEGER NOT NULL,
  rows_inserted INTEGER NOT NULL,
  rows_deleted  INTEGER NOT NULL,
  delta_rows    INTEGER NOT NULL,
  total_us      INTEGER NOT NULL,
  max_us        INTEGER NOT NULL,
  error_message TEXT    NOT NULL,           -- of the last failure
  PRIMARY KEY (database, relid, hour, action, status, initiated_by)
) STRICT, WITHOUT ROWID;
CREATE INDEX history_hour_by_hour ON history_hour (hour);

-- Refreshes are pruned in the order they were written.
DROP INDEX history_by_end;

CREATE VIEW refresh_history_by_hour AS      -- all that is kept, merged or not
  SELECT coalesce(nullif(d.name, ''), 'database ' || database) AS database,
         coalesce(r.schema_name || '.' || r.name, 'relation ' || relid) AS stream_table,
         strftime('%Y-%m-%dT%H:00:00Z', 946684800 + hour / 1000000, 'unixepoch') AS hour,
         h.action, h.status, h.initiated_by, sum(refreshes) AS refreshes, sum(rows_inserted) AS rows_inserted,
         sum(rows_deleted) AS rows_deleted, sum(delta_rows) AS delta_rows, sum(total_us) / 1e3 AS total_ms,
         max(max_us) / 1e3 AS max_ms
  FROM (SELECT database, relid, hour, action, status, initiated_by, refreshes, rows_inserted, rows_deleted, delta_rows,
               total_us, max_us
        FROM history_hour
        UNION ALL
        SELECT database, relid, ended_at / 3600000000 * 3600000000, action, status, initiated_by, 1, rows_inserted,
               rows_deleted, delta_rows, ended_at - started_at, ended_at - started_at
        FROM history) h
       LEFT JOIN registry r USING (database, relid) LEFT JOIN cluster_database d USING (database)
  GROUP BY database, relid, hour, h.action, h.status, h.initiated_by;
