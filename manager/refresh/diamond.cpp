#include "refresh/diamond.hpp"

#include "definition/definition.hpp"
#include "scheduler/graph.hpp"

#include <algorithm>
#include <set>

namespace pgtrickle::refresh {

namespace {

/* Adds `relid` and all below it to the graph. */
void add_below(Oid relid, scheduler::Graph &graph)
{
    if (graph.contains(relid))
        return;
    scheduler::Ids sources;
    std::vector<Oid> upstreams;
    for (const Source &source : definition::sources_of(relid)) {
        sources.push_back(source.relid);
        if (source.kind == SourceKind::stream_table)
            upstreams.push_back(source.relid);
    }
    graph.set(relid, std::move(sources));
    for (Oid upstream : upstreams)
        add_below(upstream, graph);
}

/* Whoever is on a diamond with one of them is there by way of an apex above. */
void add_siblings(Oid relid, std::set<Oid> &result)
{
    scheduler::Graph graph;
    for (Oid apex : definition::downstreams_of(relid)) {
        add_below(apex, graph);
        scheduler::Ids members = graph.diamond_of(apex);
        bool is_on_it = std::find(members.begin(), members.end(), relid) != members.end();
        if (is_on_it && definition::load(apex).is_diamond_atomic)
            result.insert(members.begin(), members.end());
    }
}

} // namespace

std::vector<Oid> with_siblings(const std::vector<Oid> &relids)
{
    std::set<Oid> result(relids.begin(), relids.end());
    for (Oid relid : relids)
        add_siblings(relid, result);
    return {result.begin(), result.end()};
}

} // namespace pgtrickle::refresh
