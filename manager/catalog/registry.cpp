#include "catalog/tables.hpp"

namespace pgtrickle::catalog {

void write_registry(Database &catalog, const Cluster &cluster, uint32_t database, const std::vector<Registered> &rows,
                    int64_t now)
{
    catalog
        .prepare("INSERT OR REPLACE INTO cluster_database (system_identifier, timeline, database, stream_tables,"
                 " looked_at, name) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(cluster.system_identifier, cluster.timeline, database, static_cast<int64_t>(rows.size()), now, cluster.database_name)
        .step();
    catalog.prepare("DELETE FROM registry WHERE database = ?").bind(database).step();
    for (const Registered &row : rows) {
        catalog
            .prepare("INSERT INTO registry (database, relid, timeline, generation, schema_name, name, schedule, status)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(database, row.relid, cluster.timeline, row.generation, row.schema_name, row.name, row.schedule,
                  row.status)
            .step();
    }
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

void forget_database(Database &catalog, uint32_t database)
{
    std::vector<std::string> tables;
    {
        Statement select = catalog.prepare("SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
                                           " WHERE t.type = 'table' AND c.name = 'database'");
        while (select.step())
            tables.push_back(select.text(0));
    }
    for (const std::string &table : tables)
        catalog.execute(("DELETE FROM \"" + table + "\" WHERE database = " + std::to_string(database)).c_str());
}

} // namespace pgtrickle::catalog
