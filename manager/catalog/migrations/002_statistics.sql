-- What refreshes did is counted, beginning with what the history holds: pruning it changes no sum.

CREATE TABLE statistics (                   -- what refreshes did, by what was done; outlives the history
  database       INTEGER NOT NULL,
  relid          INTEGER NOT NULL,
  action         TEXT    NOT NULL,
  refreshes      INTEGER NOT NULL,          -- completed ones
  failures       INTEGER NOT NULL,
  rows_inserted  INTEGER NOT NULL,
  rows_deleted   INTEGER NOT NULL,
  delta_rows     INTEGER NOT NULL,
  total_us       INTEGER NOT NULL,          -- of completed ones, as the two below
  max_us         INTEGER NOT NULL,
  last_us        INTEGER NOT NULL,
  first_at       INTEGER NOT NULL,
  completed_at   INTEGER NOT NULL,          -- the last one; 0: none
  chosen_at      INTEGER NOT NULL,          -- the last one that was no first fill
  failed_at      INTEGER NOT NULL,
  error_message  TEXT    NOT NULL,          -- of the last failure
  PRIMARY KEY (database, relid, action)
) STRICT, WITHOUT ROWID;

INSERT INTO statistics
  SELECT database, relid, action, sum(is_done), sum(status = 'FAILED'), sum(rows_inserted * is_done),
         sum(rows_deleted * is_done), sum(delta_rows * is_done), sum((ended_at - started_at) * is_done),
         max((ended_at - started_at) * is_done), 0, min(ended_at), max(ended_at * is_done),
         max(ended_at * (is_done AND initiated_by <> 'INITIAL')), max(ended_at * (status = 'FAILED')), ''
  FROM (SELECT *, status = 'COMPLETED' AS is_done FROM history) GROUP BY database, relid, action;
UPDATE statistics SET
  last_us = coalesce((SELECT h.ended_at - h.started_at FROM history h
                      WHERE h.database = statistics.database AND h.relid = statistics.relid
                        AND h.action = statistics.action AND h.status = 'COMPLETED'
                      ORDER BY h.refresh_id DESC LIMIT 1), 0),
  error_message = coalesce((SELECT h.error_message FROM history h
                            WHERE h.database = statistics.database AND h.relid = statistics.relid
                              AND h.action = statistics.action AND h.status = 'FAILED'
                            ORDER BY h.refresh_id DESC LIMIT 1), '');
