#include "catalog/tables.hpp"

namespace pgtrickle::catalog {

void write_history(Database &catalog, uint32_t database, const Refresh &refresh)
{
    Statement insert = catalog.prepare(
        "INSERT INTO history (database, relid, data_timestamp, started_at, ended_at, action, status, initiated_by,"
        " rows_inserted, rows_deleted, delta_rows, was_full_fallback, error_message)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.bind(database, refresh.relid, refresh.data_timestamp, refresh.started_at, refresh.ended_at, refresh.action,
                refresh.status, refresh.initiated_by, refresh.rows_inserted, refresh.rows_deleted, refresh.delta_rows,
                refresh.was_full_fallback, refresh.error_message);
    insert.step();
}

std::vector<Refresh> history_of(Database &catalog, uint32_t database, uint32_t relid, int64_t max_rows, int64_t before)
{
#define HISTORY_COLUMNS                                                                                                \
    "SELECT refresh_id, relid, data_timestamp, started_at, ended_at, action, status, initiated_by, rows_inserted,"     \
    " rows_deleted, delta_rows, was_full_fallback, error_message FROM history"
    const char *of_one =
        HISTORY_COLUMNS " WHERE database = ?1 AND relid = ?2 AND refresh_id < ?3 ORDER BY refresh_id DESC LIMIT ?4";
    const char *of_all = HISTORY_COLUMNS " WHERE +database = ?1 AND ?2 = 0 AND refresh_id < ?3 ORDER BY refresh_id DESC LIMIT ?4";
    Statement select = catalog.prepare(relid != 0 ? of_one : of_all);
    select.bind(database, relid, before, max_rows);
    std::vector<Refresh> rows;
    while (select.step()) {
        Refresh row;
        row.refresh_id = select.number(0);
        row.relid = static_cast<uint32_t>(select.number(1));
        row.data_timestamp = select.number(2);
        row.started_at = select.number(3);
        row.ended_at = select.number(4);
        row.action = select.text(5);
        row.status = select.text(6);
        row.initiated_by = select.text(7);
        row.rows_inserted = select.number(8);
        row.rows_deleted = select.number(9);
        row.delta_rows = select.number(10);
        row.was_full_fallback = select.number(11) != 0;
        row.error_message = select.text(12);
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace pgtrickle::catalog
