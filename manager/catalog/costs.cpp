#include "catalog/tables.hpp"

namespace pgtrickle::catalog {

void add_cost(Database &catalog, uint32_t database, const Refresh &refresh)
{
    int64_t took_us = refresh.ended_at - refresh.started_at;
    catalog
        .prepare("INSERT INTO cost (database, relid, action, refreshes, total_us, delta_rows, last_us)"
                 " VALUES (?1, ?2, ?3, 1, ?4, ?5, ?4)"
                 " ON CONFLICT (database, relid, action) DO UPDATE SET refreshes = refreshes + 1,"
                 " total_us = total_us + ?4, delta_rows = delta_rows + ?5, last_us = ?4")
        .bind(database, refresh.relid, refresh.action, took_us, refresh.delta_rows)
        .step();
}

std::vector<Cost> costs_of(Database &catalog, uint32_t database, uint32_t relid)
{
    Statement select = catalog.prepare("SELECT action, refreshes, total_us, delta_rows, last_us FROM cost"
                                       " WHERE database = ? AND relid = ? ORDER BY action");
    select.bind(database, relid);
    std::vector<Cost> rows;
    while (select.step())
        rows.push_back({select.text(0), select.number(1), select.number(2), select.number(3), select.number(4)});
    return rows;
}

} // namespace pgtrickle::catalog
