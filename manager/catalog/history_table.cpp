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

std::vector<Refresh> history_of(Database &catalog, uint32_t database, uint32_t relid, int max_rows)
{
    const char *of_one = "SELECT refresh_id, relid, data_timestamp, started_at, ended_at, action, status,"
                         " initiated_by, rows_inserted, rows_deleted, delta_rows, was_full_fallback, error_message"
                         " FROM history WHERE database = ? AND relid = ? ORDER BY refresh_id DESC LIMIT ?";
    const char *of_all = "SELECT refresh_id, relid, data_timestamp, started_at, ended_at, action, status,"
                         " initiated_by, rows_inserted, rows_deleted, delta_rows, was_full_fallback, error_message"
                         " FROM history WHERE database = ? AND ? = 0 ORDER BY refresh_id DESC LIMIT ?";
    Statement select = catalog.prepare(relid != 0 ? of_one : of_all);
    select.bind(database, relid, max_rows);
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

void prune_history(Database &catalog, int64_t before)
{
    catalog.prepare("DELETE FROM history WHERE ended_at < ?").bind(before).step();
}

} // namespace pgtrickle::catalog
