#include "catalog/tables/tables.hpp"

#include <initializer_list>

namespace pgtrickle::catalog {

const char *name_of(RefreshAction action)
{
    switch (action) {
    case RefreshAction::skip: return "SKIP";
    case RefreshAction::no_data: return "NO_DATA";
    case RefreshAction::full: return "FULL";
    case RefreshAction::differential: return "DIFFERENTIAL";
    case RefreshAction::reinitialize: return "REINITIALIZE";
    }
    return "";
}

const char *name_of(RefreshStatus status)
{
    switch (status) {
    case RefreshStatus::completed: return "COMPLETED";
    case RefreshStatus::failed: return "FAILED";
    case RefreshStatus::skipped: return "SKIPPED";
    }
    return "";
}

const char *name_of(InitiatedBy initiated_by)
{
    switch (initiated_by) {
    case InitiatedBy::scheduler: return "SCHEDULER";
    case InitiatedBy::scan: return "SCAN";
    case InitiatedBy::manual: return "MANUAL";
    case InitiatedBy::initial: return "INITIAL";
    }
    return "";
}

namespace {

template <class Value> Value value_named(const std::string &name, std::initializer_list<Value> values)
{
    for (Value value : values)
        if (name == name_of(value))
            return value;
    throw_damaged("the catalog contains the unknown word \"" + name + "\"");
}

} // namespace

RefreshAction action_named(const std::string &name)
{
    return value_named(name, {RefreshAction::skip, RefreshAction::no_data, RefreshAction::full,
                              RefreshAction::differential, RefreshAction::reinitialize});
}

void write_history(Database &catalog, uint32_t database, const Refresh &refresh)
{
    Statement insert = catalog.prepare(
        "INSERT INTO history (database, relid, data_timestamp, started_at, ended_at, action, status, initiated_by,"
        " rows_inserted, rows_deleted, delta_rows, was_full_fallback, error_message, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.bind(database, refresh.relid, refresh.data_timestamp, refresh.started_at, refresh.ended_at,
                name_of(refresh.action), name_of(refresh.status), name_of(refresh.initiated_by), refresh.rows_inserted,
                refresh.rows_deleted, refresh.delta_rows, refresh.was_full_fallback, refresh.error_message,
                refresh.reason);
    insert.step();
}

#define HISTORY_COLUMNS                                                                                                \
    "SELECT refresh_id, relid, data_timestamp, started_at, ended_at, action, status, initiated_by, rows_inserted,"     \
    " rows_deleted, delta_rows, was_full_fallback, error_message, reason FROM history"

namespace {

std::vector<Refresh> rows_of(Statement &select)
{
    std::vector<Refresh> rows;
    while (select.step()) {
        Refresh row;
        row.refresh_id = select.number(0);
        row.relid = static_cast<uint32_t>(select.number(1));
        row.data_timestamp = select.number(2);
        row.started_at = select.number(3);
        row.ended_at = select.number(4);
        row.action = action_named(select.text(5));
        row.status =
            value_named(select.text(6), {RefreshStatus::completed, RefreshStatus::failed, RefreshStatus::skipped});
        row.initiated_by = value_named(
            select.text(7), {InitiatedBy::scheduler, InitiatedBy::scan, InitiatedBy::manual, InitiatedBy::initial});
        row.rows_inserted = select.number(8);
        row.rows_deleted = select.number(9);
        row.delta_rows = select.number(10);
        row.was_full_fallback = select.number(11) != 0;
        row.error_message = select.text(12);
        row.reason = select.text(13);
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace

std::vector<Refresh> history_of(Database &catalog, uint32_t database, uint32_t relid, int64_t max_rows, int64_t before)
{
    constexpr SqlLiteral of_one =
        HISTORY_COLUMNS " WHERE database = ?1 AND relid = ?2 AND refresh_id < ?3 ORDER BY refresh_id DESC LIMIT ?4";
    constexpr SqlLiteral of_all =
        HISTORY_COLUMNS " WHERE +database = ?1 AND ?2 = 0 AND refresh_id < ?3 ORDER BY refresh_id DESC LIMIT ?4";
    Statement select = catalog.prepare(relid != 0 ? of_one : of_all);
    select.bind(database, relid, before, max_rows);
    return rows_of(select);
}

std::optional<Refresh> last_choice_of(Database &catalog, uint32_t database, uint32_t relid)
{
    Statement select = catalog.prepare(HISTORY_COLUMNS " WHERE database = ? AND relid = ? AND status = 'COMPLETED'"
                                                       " AND (action = 'DIFFERENTIAL' OR was_full_fallback)"
                                                       " ORDER BY refresh_id DESC LIMIT 1");
    select.bind(database, relid);
    std::vector<Refresh> rows = rows_of(select);
    return rows.empty() ? std::nullopt : std::optional(std::move(rows.front()));
}

} // namespace pgtrickle::catalog
