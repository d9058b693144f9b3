#include "catalog/tables/retention.hpp"

#include <algorithm>
#include <string>

namespace pgtrickle::catalog {

namespace {

constexpr int64_t batch_rows = 300;
/* Merging goes somewhat below the limit, so that the next row does not make it due again. */
constexpr double filling = 0.9;

/* Returns the largest number of rows that each stream table may have so that all together have `most`;
 * least_each at least. */
int64_t cap_of(std::vector<Excess> counts, int64_t most, int64_t least_each)
{
    std::sort(counts.begin(), counts.end(), [](const Excess &a, const Excess &b) { return a.rows < b.rows; });
    int64_t left = most;
    auto rest = static_cast<int64_t>(counts.size());
    int64_t cap = least_each;
    for (const Excess &count : counts) {
        cap = left / rest;
        if (count.rows > cap)
            break;
        left -= count.rows;
        rest--;
    }
    return std::max(cap, least_each);
}

int64_t merge(Database &catalog, const Excess &excess, int64_t rows, SqlLiteral insert, SqlLiteral remove)
{
    catalog.prepare(insert).bind(excess.database, excess.relid, rows).step();
    catalog.prepare(remove).bind(excess.database, excess.relid, rows).step();
    return catalog.changed_rows();
}

#define OLDEST(columns, condition)                                                                                     \
    "(SELECT " columns " FROM history WHERE database = ?1 AND relid = ?2" condition " ORDER BY refresh_id LIMIT ?3)"
#define MERGE(condition)                                                                                               \
    "INSERT INTO history_hour (database, relid, hour, action, status, initiated_by, refreshes, rows_inserted,"         \
    " rows_deleted, delta_rows, total_us, max_us, error_message)"                                                      \
    " SELECT database, relid, ended_at / 3600000000 * 3600000000 AS hour, action, status, initiated_by, count(*),"     \
    " sum(rows_inserted), sum(rows_deleted), sum(delta_rows), sum(ended_at - started_at),"                             \
    " max(ended_at - started_at), max(error_message)"                                                                  \
    " FROM " OLDEST(                                                                                                   \
        "*", condition) " WHERE true GROUP BY hour, action, status, initiated_by"                                      \
                        " ON CONFLICT DO UPDATE SET refreshes = refreshes + excluded.refreshes,"                       \
                        " rows_inserted = rows_inserted + excluded.rows_inserted, rows_deleted = rows_deleted + "      \
                        "excluded.rows_deleted,"                                                                       \
                        " delta_rows = delta_rows + excluded.delta_rows, total_us = total_us + excluded.total_us,"     \
                        " max_us = max(max_us, excluded.max_us), error_message = excluded.error_message"
#define REMOVE(condition) "DELETE FROM history WHERE refresh_id IN " OLDEST("refresh_id", condition)

} // namespace

bool prune_old(Database &catalog, int64_t before)
{
    catalog
        .prepare("DELETE FROM history WHERE refresh_id IN (SELECT refresh_id FROM"
                 " (SELECT refresh_id, ended_at FROM history ORDER BY refresh_id LIMIT ?2) WHERE ended_at < ?1)")
        .bind(before, batch_rows)
        .step();
    bool has_found = catalog.changed_rows() > 0;
    catalog
        .prepare("DELETE FROM history_hour WHERE (database, relid, hour, action, status, initiated_by) IN"
                 " (SELECT database, relid, hour, action, status, initiated_by FROM history_hour"
                 " WHERE hour < ?1 - 3600000000 LIMIT ?2)")
        .bind(before, batch_rows)
        .step();
    return has_found || catalog.changed_rows() > 0;
}

/* The stream tables of the history are found by one look-up each in the index history_by_stream_table, which also has
 * the numbers. */
void prune_unregistered(Database &catalog, uint32_t database, int64_t most_rows)
{
    catalog
        .prepare("WITH RECURSIVE known (relid) AS (SELECT min(relid) FROM history WHERE database = ?1"
                 " UNION ALL SELECT (SELECT min(relid) FROM history WHERE database = ?1 AND relid > known.relid)"
                 " FROM known WHERE relid IS NOT NULL)"
                 " DELETE FROM history WHERE refresh_id IN (SELECT refresh_id FROM history WHERE database = ?1"
                 " AND relid IN (SELECT relid FROM known WHERE relid NOT IN"
                 " (SELECT relid FROM registry WHERE database = ?1)) ORDER BY refresh_id DESC LIMIT ?3 OFFSET ?2)")
        .bind(database, most_rows, 10 * batch_rows)
        .step();
}

int64_t newest_refresh(Database &catalog)
{
    Statement select = catalog.prepare("SELECT coalesce(max(refresh_id), 0) FROM history");
    return select.step() ? select.number(0) : 0;
}

std::vector<Excess> excesses_of(Database &catalog, const Retention &retention)
{
    std::vector<Excess> counts;
    Statement range = catalog.prepare("SELECT coalesce(max(refresh_id) - min(refresh_id) + 1, 0) FROM history");
    if (!range.step() || range.number(0) <= retention.most_rows)
        return counts;
    int64_t total = 0;
    Statement select = catalog.prepare("SELECT database, relid, count(*) FROM history GROUP BY database, relid");
    while (select.step()) {
        counts.push_back(
            {static_cast<uint32_t>(select.number(0)), static_cast<uint32_t>(select.number(1)), select.number(2)});
        total += select.number(2);
    }
    if (total <= retention.most_rows)
        return {};
    auto wanted = static_cast<int64_t>(static_cast<double>(retention.most_rows) * filling);
    int64_t cap = cap_of(counts, wanted, retention.least_each);
    for (Excess &count : counts)
        count.rows -= cap;
    std::erase_if(counts, [](const Excess &count) { return count.rows <= 0; });
    return counts;
}

bool merge_some(Database &catalog, std::vector<Excess> *excesses)
{
    for (int64_t left = batch_rows; left > 0 && !excesses->empty();) {
        Excess &excess = excesses->back();
        int64_t rows = std::min(excess.rows, left);
        int64_t merged =
            merge(catalog, excess, rows, MERGE(" AND status = 'COMPLETED'"), REMOVE(" AND status = 'COMPLETED'"));
        if (merged == 0)
            merged = merge(catalog, excess, rows, MERGE(""), REMOVE(""));
        excess.rows -= merged;
        left -= std::max<int64_t>(merged, 1);
        if (merged == 0 || excess.rows <= 0)
            excesses->pop_back();
    }
    return !excesses->empty();
}

bool forget_some(Database &catalog, uint32_t database)
{
    for (SqlLiteral remove :
         {SqlLiteral(
              "DELETE FROM history WHERE refresh_id IN (SELECT refresh_id FROM history WHERE database = ?1 LIMIT ?2)"),
          SqlLiteral("DELETE FROM history_hour WHERE (database, relid, hour, action, status, initiated_by) IN"
                     " (SELECT database, relid, hour, action, status, initiated_by FROM history_hour"
                     " WHERE database = ?1 LIMIT ?2)")}) {
        catalog.prepare(remove).bind(database, batch_rows).step();
        if (catalog.changed_rows() > 0)
            return true;
    }
    std::vector<std::string> tables;
    {
        Statement select = catalog.prepare("SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
                                           " WHERE t.type = 'table' AND c.name = 'database'");
        while (select.step())
            tables.push_back(select.text(0));
    }
    for (const std::string &table : tables)
        catalog.execute(("DELETE FROM \"" + table + "\" WHERE database = " + std::to_string(database)).c_str());
    return false;
}

bool has_history(Database &catalog, uint32_t database, uint32_t relid)
{
    Statement select = catalog.prepare("SELECT EXISTS (SELECT 1 FROM statistics WHERE database = ?1 AND relid = ?2)"
                                       " OR EXISTS (SELECT 1 FROM history WHERE database = ?1 AND relid = ?2)");
    return select.bind(database, relid).step() && select.number(0) != 0;
}

void forget_refreshes(Database &catalog, uint32_t database, uint32_t relid)
{
    for (SqlLiteral sql : {SqlLiteral("DELETE FROM history WHERE database = ? AND relid = ?"),
                           SqlLiteral("DELETE FROM history_hour WHERE database = ? AND relid = ?"),
                           SqlLiteral("DELETE FROM statistics WHERE database = ? AND relid = ?"),
                           SqlLiteral("DELETE FROM program WHERE database = ? AND relid = ?"),
                           SqlLiteral("DELETE FROM back_off WHERE database = ? AND relid = ?"),
                           SqlLiteral("DELETE FROM measured WHERE database = ? AND relid = ?")})
        catalog.prepare(sql).bind(database, relid).step();
}

} // namespace pgtrickle::catalog
