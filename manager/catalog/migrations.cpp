#include "catalog/migrations.hpp"

namespace pgtrickle::catalog {

namespace {

const char *const schema =
#include "build/catalog_schema.inc"
    ;

/* From 1: what refreshes did is counted, beginning with what the history holds. */
const char *const count_refreshes = R"sql(
CREATE TABLE statistics (
  database INTEGER NOT NULL, relid INTEGER NOT NULL, action TEXT NOT NULL,
  refreshes INTEGER NOT NULL, failures INTEGER NOT NULL, rows_inserted INTEGER NOT NULL,
  rows_deleted INTEGER NOT NULL, delta_rows INTEGER NOT NULL, total_us INTEGER NOT NULL,
  max_us INTEGER NOT NULL, last_us INTEGER NOT NULL, first_at INTEGER NOT NULL,
  completed_at INTEGER NOT NULL, chosen_at INTEGER NOT NULL, failed_at INTEGER NOT NULL,
  error_message TEXT NOT NULL,
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
)sql";

} // namespace

const char *migration_from(int version)
{
    switch (version) {
    case 0:
        return schema;
    case 1:
        return count_refreshes;
    default:
        return nullptr;
    }
}

} // namespace pgtrickle::catalog
