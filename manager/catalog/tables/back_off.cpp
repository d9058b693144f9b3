#include "catalog/tables/tables.hpp"

namespace pgtrickle::catalog {

void write_back_off(Database &catalog, uint32_t database, const BackOff &row)
{
    if (row.failures == 0) {
        catalog.prepare("DELETE FROM back_off WHERE database = ? AND relid = ?").bind(database, row.relid).step();
        return;
    }
    catalog
        .prepare("INSERT OR REPLACE INTO back_off (database, relid, generation, failures, not_before)"
                 " VALUES (?, ?, ?, ?, ?)")
        .bind(database, row.relid, row.generation, row.failures, row.not_before)
        .step();
}

std::vector<BackOff> back_offs_of(Database &catalog, uint32_t database)
{
    Statement select = catalog.prepare("SELECT relid, generation, failures, not_before FROM back_off"
                                       " WHERE database = ? ORDER BY relid");
    select.bind(database);
    std::vector<BackOff> rows;
    while (select.step())
        rows.push_back({static_cast<uint32_t>(select.number(0)), select.number(1), select.number(2), select.number(3)});
    return rows;
}

} // namespace pgtrickle::catalog
