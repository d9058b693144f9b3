#include "catalog/tables/tables.hpp"

namespace pgtrickle::catalog {

namespace {

void add_completed(Database &catalog, uint32_t database, const Refresh &refresh)
{
    int64_t took_us = refresh.ended_at - refresh.started_at;
    int64_t chosen_at = refresh.initiated_by != InitiatedBy::initial && !refresh.is_fill ? refresh.ended_at : 0;
    catalog
        .prepare("INSERT INTO statistics (database, relid, action, refreshes, failures, rows_inserted, rows_deleted,"
                 " delta_rows, total_us, max_us, last_us, first_at, completed_at, chosen_at, failed_at, error_message,"
                 " fills, fill_us)"
                 " VALUES (?1, ?2, ?3, 1, 0, ?4, ?5, ?6, ?7, ?7, ?7, ?8, ?8, ?9, 0, '', ?10, ?11)"
                 " ON CONFLICT (database, relid, action) DO UPDATE SET refreshes = refreshes + 1,"
                 " rows_inserted = rows_inserted + ?4, rows_deleted = rows_deleted + ?5,"
                 " delta_rows = delta_rows + ?6, total_us = total_us + ?7, max_us = max(max_us, ?7), last_us = ?7,"
                 " completed_at = ?8, chosen_at = max(chosen_at, ?9), fills = fills + ?10, fill_us = fill_us + ?11")
        .bind(database, refresh.relid, name_of(refresh.action), refresh.rows_inserted, refresh.rows_deleted,
              refresh.delta_rows, took_us, refresh.ended_at, chosen_at, refresh.is_fill, refresh.is_fill ? took_us : 0)
        .step();
}

void add_failure(Database &catalog, uint32_t database, const Refresh &refresh)
{
    catalog
        .prepare("INSERT INTO statistics (database, relid, action, refreshes, failures, rows_inserted, rows_deleted,"
                 " delta_rows, total_us, max_us, last_us, first_at, completed_at, chosen_at, failed_at, error_message)"
                 " VALUES (?1, ?2, ?3, 0, 1, 0, 0, 0, 0, 0, 0, ?4, 0, 0, ?4, ?5)"
                 " ON CONFLICT (database, relid, action) DO UPDATE SET failures = failures + 1, failed_at = ?4,"
                 " error_message = ?5")
        .bind(database, refresh.relid, name_of(refresh.action), refresh.ended_at, refresh.error_message)
        .step();
}

} // namespace

void add_statistics(Database &catalog, uint32_t database, const Refresh &refresh)
{
    if (refresh.status == RefreshStatus::completed)
        add_completed(catalog, database, refresh);
    else if (refresh.status == RefreshStatus::failed)
        add_failure(catalog, database, refresh);
}

std::vector<Statistics> statistics_of(Database &catalog, uint32_t database)
{
    Statement select = catalog.prepare(
        "SELECT relid, action, refreshes, failures, rows_inserted, rows_deleted, delta_rows, total_us, max_us, last_us,"
        " first_at, completed_at, chosen_at, failed_at, error_message, fills, fill_us FROM statistics WHERE database = "
        "?"
        " ORDER BY relid, action");
    select.bind(database);
    std::vector<Statistics> rows;
    while (select.step()) {
        Statistics row;
        row.relid = static_cast<uint32_t>(select.number(0));
        row.action = action_named(select.text(1));
        int column = 2;
        for (int64_t *value :
             {&row.refreshes, &row.failures, &row.rows_inserted, &row.rows_deleted, &row.delta_rows, &row.total_us,
              &row.max_us, &row.last_us, &row.first_at, &row.completed_at, &row.chosen_at, &row.failed_at})
            *value = select.number(column++);
        row.error_message = select.text(column++);
        row.fills = select.number(column++);
        row.fill_us = select.number(column);
        rows.push_back(std::move(row));
    }
    return rows;
}

/* A program is written after the refresh was counted, perhaps of a stream table that was dropped meanwhile, or was
 * never registered. */
void prune_statistics(Database &catalog, uint32_t database, int64_t before)
{
    catalog
        .prepare("DELETE FROM program WHERE database = ?1 AND relid IN"
                 " (SELECT relid FROM statistics WHERE database = ?1) AND relid NOT IN"
                 " (SELECT relid FROM registry WHERE database = ?1) AND relid NOT IN"
                 " (SELECT relid FROM statistics WHERE database = ?1 AND max(completed_at, failed_at) >= ?2)")
        .bind(database, before)
        .step();
    catalog
        .prepare("DELETE FROM statistics WHERE database = ?1 AND relid NOT IN"
                 " (SELECT relid FROM registry WHERE database = ?1) AND relid NOT IN"
                 " (SELECT relid FROM statistics WHERE database = ?1 AND max(completed_at, failed_at) >= ?2)")
        .bind(database, before)
        .step();
}

} // namespace pgtrickle::catalog
