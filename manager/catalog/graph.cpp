#include "catalog/tables.hpp"

namespace pgtrickle::catalog {

void write_graph(Database &catalog, uint32_t database, const std::vector<Edge> &edges)
{
    catalog.prepare("DELETE FROM graph WHERE database = ?").bind(database).step();
    for (const Edge &edge : edges) {
        catalog.prepare("INSERT OR REPLACE INTO graph (database, relid, source, is_stream_table) VALUES (?, ?, ?, ?)")
            .bind(database, edge.relid, edge.source, edge.is_stream_table)
            .step();
    }
}

std::vector<Edge> graph_of(Database &catalog, uint32_t database)
{
    Statement select =
        catalog.prepare("SELECT relid, source, is_stream_table FROM graph WHERE database = ? ORDER BY relid, source");
    select.bind(database);
    std::vector<Edge> edges;
    while (select.step())
        edges.push_back({static_cast<uint32_t>(select.number(0)), static_cast<uint32_t>(select.number(1)),
                         select.number(2) != 0});
    return edges;
}

} // namespace pgtrickle::catalog
