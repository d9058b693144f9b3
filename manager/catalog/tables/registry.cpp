#include "catalog/tables/tables.hpp"

#include <map>

namespace pgtrickle::catalog {

namespace {

/* Entries registered on another timeline count as unknown. */
std::map<uint32_t, Registered> registered_before(Database &catalog, const Cluster &cluster, uint32_t database)
{
    std::map<uint32_t, Registered> rows;
    for (Registered &row : registry_of(catalog, database))
        rows[row.relid] = std::move(row);
    Statement select = catalog.prepare("SELECT relid FROM registry WHERE database = ? AND timeline <> ?");
    select.bind(database, cluster.timeline);
    while (select.step())
        rows[static_cast<uint32_t>(select.number(0))] = {};
    return rows;
}

void register_one(Database &catalog, const Cluster &cluster, uint32_t database, const Registered &row)
{
    catalog
        .prepare("INSERT OR REPLACE INTO registry (database, relid, timeline, generation, schema_name, name, schedule,"
                 " status) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(database, row.relid, cluster.timeline, row.generation, row.schema_name, row.name, row.schedule,
              row.status)
        .step();
}

void forget_one(Database &catalog, uint32_t database, uint32_t relid)
{
    for (SqlLiteral sql : {SqlLiteral("DELETE FROM registry WHERE database = ? AND relid = ?"),
                           SqlLiteral("DELETE FROM program WHERE database = ? AND relid = ?"),
                           SqlLiteral("DELETE FROM back_off WHERE database = ? AND relid = ?"),
                           SqlLiteral("DELETE FROM measured WHERE database = ? AND relid = ?")})
        catalog.prepare(sql).bind(database, relid).step();
}

} // namespace

void write_registry(Database &catalog, const Cluster &cluster, uint32_t database, const std::vector<Registered> &rows,
                    int64_t now)
{
    catalog
        .prepare("INSERT OR REPLACE INTO cluster_database (system_identifier, timeline, database, stream_tables,"
                 " looked_at, name) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(cluster.system_identifier, cluster.timeline, database, static_cast<int64_t>(rows.size()), now,
              cluster.database_name)
        .step();
    std::map<uint32_t, Registered> before = registered_before(catalog, cluster, database);
    for (const Registered &row : rows) {
        auto known = before.extract(row.relid);
        if (known.empty() || known.mapped() != row)
            register_one(catalog, cluster, database, row);
    }
    for (const auto &[relid, row] : before)
        forget_one(catalog, database, relid);
}

std::vector<Registered> registry_of(Database &catalog, uint32_t database)
{
    Statement select = catalog.prepare("SELECT relid, generation, schema_name, name, schedule, status FROM registry"
                                       " WHERE database = ? ORDER BY relid");
    select.bind(database);
    std::vector<Registered> rows;
    while (select.step())
        rows.push_back({static_cast<uint32_t>(select.number(0)), select.number(1), select.text(2), select.text(3),
                        select.text(4), select.text(5)});
    return rows;
}

std::vector<KnownDatabase> known_databases(Database &catalog, const Cluster &cluster)
{
    Statement select = catalog.prepare("SELECT database, stream_tables FROM cluster_database"
                                       " WHERE system_identifier = ? AND timeline = ? ORDER BY database");
    select.bind(cluster.system_identifier, cluster.timeline);
    std::vector<KnownDatabase> rows;
    while (select.step())
        rows.push_back({static_cast<uint32_t>(select.number(0)), select.number(1)});
    return rows;
}

} // namespace pgtrickle::catalog
