-- For people with the sqlite3 shell: names instead of OIDs, ISO times (UTC), milliseconds.

ALTER TABLE cluster_database ADD COLUMN name TEXT NOT NULL DEFAULT '';  -- of the database

CREATE VIEW stream_tables AS
  SELECT coalesce(nullif(d.name, ''), 'database ' || r.database) AS database,
         r.schema_name || '.' || r.name AS stream_table, r.schedule, r.status
  FROM registry r LEFT JOIN cluster_database d USING (database);

CREATE VIEW refresh_history AS              -- oldest first; a dropped stream table has its OID for a name
  SELECT h.refresh_id,
         coalesce(nullif(d.name, ''), 'database ' || h.database) AS database,
         coalesce(r.schema_name || '.' || r.name, 'relation ' || h.relid) AS stream_table,
         strftime('%Y-%m-%dT%H:%M:%fZ', 946684800 + h.started_at / 1e6, 'unixepoch') AS started_at,
         strftime('%Y-%m-%dT%H:%M:%fZ', 946684800 + h.ended_at / 1e6, 'unixepoch') AS ended_at,
         (h.ended_at - h.started_at) / 1e3 AS took_ms,
         h.action, h.status, h.initiated_by, h.rows_inserted, h.rows_deleted, h.delta_rows,
         nullif(h.error_message, '') AS error_message
  FROM history h LEFT JOIN registry r USING (database, relid) LEFT JOIN cluster_database d USING (database);
