#include "catalog/tables/tables.hpp"

#include <set>

namespace pgtrickle::catalog {

void write_graph(Database &catalog, uint32_t database, const std::vector<Edge> &edges)
{
    std::set<Edge> gone;
    for (const Edge &edge : graph_of(catalog, database))
        gone.insert(edge);
    std::vector<Edge> added;
    for (const Edge &edge : edges) {
        if (gone.erase(edge) == 0)
            added.push_back(edge);
    }
    for (const Edge &edge : gone)
        catalog.prepare("DELETE FROM graph WHERE database = ? AND relid = ? AND source = ?")
            .bind(database, edge.relid, edge.source)
            .step();
    for (const Edge &edge : added)
        catalog.prepare("INSERT OR REPLACE INTO graph (database, relid, source, is_stream_table) VALUES (?, ?, ?, ?)")
            .bind(database, edge.relid, edge.source, edge.is_stream_table)
            .step();
}

std::vector<Edge> graph_of(Database &catalog, uint32_t database)
{
    Statement select =
        catalog.prepare("SELECT relid, source, is_stream_table FROM graph WHERE database = ? ORDER BY relid, source");
    select.bind(database);
    std::vector<Edge> edges;
    while (select.step())
        edges.push_back(
            {static_cast<uint32_t>(select.number(0)), static_cast<uint32_t>(select.number(1)), select.number(2) != 0});
    return edges;
}

} // namespace pgtrickle::catalog
