/*
 * Measured refreshes are appended, and the oldest ones beyond the number that the model uses are removed.
 * Processes that measure at the same time do not overwrite each other's rows.
 */
#include "catalog/tables/tables.hpp"

#include <cstdlib>

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

std::string text_of(const std::vector<ChangedRows> &changes)
{
    std::string text;
    for (const ChangedRows &change : changes)
        text += (text.empty() ? "" : " ") + std::to_string(change.source) + ":" +
                std::to_string(static_cast<int64_t>(change.rows));
    return text;
}

/* The reverse of text_of(). Of a malformed text, returns the changes before the first error. */
std::vector<ChangedRows> changes_in(const std::string &text)
{
    std::vector<ChangedRows> changes;
    const char *at = text.c_str();
    while (*at != '\0') {
        char *end;
        unsigned long source = std::strtoul(at, &end, 10);
        if (end == at || *end != ':')
            break;
        long long rows = std::strtoll(end + 1, &end, 10);
        changes.push_back({static_cast<uint32_t>(source), static_cast<double>(rows)});
        at = *end == ' ' ? end + 1 : end;
    }
    return changes;
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
        catalog
            .prepare("INSERT INTO measured (database, relid, generation, number, way, took_us, base_rows, changes,"
                     " staked_us, is_given_up) SELECT ?1, ?2, ?3, coalesce(max(number), 0) + 1, ?4, ?5, ?6, ?7, ?8, ?9"
                     " FROM measured WHERE database = ?1 AND relid = ?2 AND generation = ?3")
            .bind(database, refresh.relid, refresh.generation, way, whole(one.took_us), whole(one.work.base_rows),
                  text_of(one.work.changes), whole(one.staked_us), one.is_given_up)
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
    Statement select = catalog.prepare("SELECT number, way, took_us, base_rows, changes, staked_us, is_given_up"
                                       " FROM measured WHERE database = ? AND relid = ? AND generation = ?"
                                       " ORDER BY number");
    select.bind(database, relid, generation);
    std::vector<Measured> rows;
    while (select.step()) {
        Measured row;
        row.number = select.number(0);
        row.way = kind_named(select.text(1));
        row.took_us = static_cast<double>(select.number(2));
        row.work = {static_cast<double>(select.number(3)), changes_in(select.text(4))};
        row.staked_us = static_cast<double>(select.number(5));
        row.is_given_up = select.number(6) != 0;
        rows.push_back(std::move(row));
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
