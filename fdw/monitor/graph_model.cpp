#include "fdw/monitor/graph_model.hpp"

#include <algorithm>
#include <map>

namespace pgtrickle {

namespace {

std::string name_of(Oid relid)
{
    return call([=] { return definition::qualified_name(relid); });
}

bool comes_before(const GraphNode &a, const GraphNode &b)
{
    auto rank = [](const GraphNode &node) { return node.is_stream_table() ? 0 : 1; };
    return std::make_tuple(rank(a), a.name, a.relid) < std::make_tuple(rank(b), b.name, b.relid);
}

} // namespace

VisibleGraph visible_graph()
{
    std::map<Oid, GraphNode> nodes;
    for (StreamTableInfo &seen : visible_stream_tables()) {
        GraphNode &node = nodes[seen.definition.relid];
        node.kind = SourceKind::stream_table;
        node.name = seen.name();
        node.seen = std::move(seen);
    }
    std::vector<std::pair<Oid, Source>> edges;
    for (const auto &[relid, node] : nodes)
        for (const Source &source : node.seen->definition.sources)
            edges.push_back({relid, source});
    for (const auto &[relid, source] : edges) {
        GraphNode &node = nodes[source.relid];
        node.has_readers = true;
        if (node.seen)
            continue;
        node.kind = source.kind;
        node.name = name_of(source.relid);
    }
    VisibleGraph graph;
    for (auto &[relid, node] : nodes) {
        node.relid = relid;
        graph.push_back(std::move(node));
    }
    std::sort(graph.begin(), graph.end(), comes_before);
    std::map<Oid, size_t> positions;
    for (size_t i = 0; i < graph.size(); i++)
        positions[graph[i].relid] = i;
    for (const auto &[relid, source] : edges)
        graph[positions[relid]].sources.push_back(positions[source.relid]);
    for (GraphNode &node : graph)
        std::sort(node.sources.begin(), node.sources.end());
    return graph;
}

} // namespace pgtrickle
