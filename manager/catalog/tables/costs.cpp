/*
 * Measured refreshes are appended, and the oldest ones beyond the number that the model uses are removed.
 * Processes that measure at the same time do not overwrite each other's rows.
 */
#include "catalog/tables/tables.hpp"

namespace pgtrickle::catalog {

namespace {

using scheduler::ChangedRows;
using scheduler::Measured;
using scheduler::RefreshKind;

const char *name_of(RefreshKind way)
{
    switch (way) {
    case RefreshKind::delta: return "DELTA";
    case RefreshKind::full: return "FULL";
    case RefreshKind::fill: return "FILL";
    }
    return "";
}

RefreshKind kind_named(const std::string &name)
{
    return name == "DELTA" ? RefreshKind::delta : name == "FULL" ? RefreshKind::full : RefreshKind::fill;
}

int64_t whole(double number)
{
    return static_cast<int64_t>(number);
}

} // namespace

void add_measured(Database &catalog, uint32_t database, const Refresh &refresh)
{
    for (const Measured &one : refresh.measured) {
        std::string way = name_of(one.way);
        Statement insert = catalog.prepare(
            "INSERT INTO measured (database, relid, generation, number, way, took_us, base_rows,"
            " trial_us, is_given_up) SELECT ?1, ?2, ?3, coalesce(max(number), 0) + 1, ?4, ?5, ?6, ?7, ?8"
            " FROM measured WHERE database = ?1 AND relid = ?2 AND generation = ?3 RETURNING number");
        insert.bind(database, refresh.relid, refresh.generation, way, whole(one.took_us), whole(one.work.base_rows),
                    whole(one.trial_us), one.is_given_up);
        insert.step();
        const int64_t number = insert.number(0);
        for (const ChangedRows &change : one.work.changes)
            catalog
                .prepare("INSERT INTO measured_change (database, relid, generation, number, source, rows)"
                         " VALUES (?, ?, ?, ?, ?, ?)")
                .bind(database, refresh.relid, refresh.generation, number, change.source, whole(change.rows))
                .step();
        catalog
            .prepare("DELETE FROM measured WHERE database = ?1 AND relid = ?2 AND (generation < ?3 OR generation = ?3"
                     " AND way = ?4 AND number <= (SELECT number FROM measured WHERE database = ?1 AND relid = ?2"
                     " AND generation = ?3 AND way = ?4 ORDER BY number DESC LIMIT 1 OFFSET ?5))")
            .bind(database, refresh.relid, refresh.generation, way, scheduler::most_measured)
            .step();
    }
}

std::vector<Measured> measured_of(Database &catalog, uint32_t database, uint32_t relid, int64_t generation)
{
    Statement select = catalog.prepare("SELECT number, way, took_us, base_rows, trial_us, is_given_up, source, rows"
                                       " FROM measured LEFT JOIN measured_change USING (database, relid, generation,"
                                       " number) WHERE database = ? AND relid = ? AND generation = ?"
                                       " ORDER BY number, source");
    select.bind(database, relid, generation);
    std::vector<Measured> rows;
    while (select.step()) {
        if (rows.empty() || rows.back().number != select.number(0)) {
            Measured row;
            row.number = select.number(0);
            row.way = kind_named(select.text(1));
            row.took_us = static_cast<double>(select.number(2));
            row.work.base_rows = static_cast<double>(select.number(3));
            row.trial_us = static_cast<double>(select.number(4));
            row.is_given_up = select.number(5) != 0;
            rows.push_back(std::move(row));
        }
        if (select.number(6) != 0)
            rows.back().work.changes.push_back(
                {static_cast<uint32_t>(select.number(6)), static_cast<double>(select.number(7))});
    }
    return rows;
}

void prune_measured(Database &catalog, uint32_t database)
{
    catalog
        .prepare("DELETE FROM measured WHERE database = ?1 AND relid NOT IN (SELECT relid FROM statistics WHERE "
                 "database = ?1)")
        .bind(database)
        .step();
}

} // namespace pgtrickle::catalog
