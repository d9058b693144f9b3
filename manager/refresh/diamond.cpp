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

std::set<Oid> above(const std::vector<Oid> &relids)
{
    std::set<Oid> found;
    std::vector<Oid> open = relids;
    while (!open.empty()) {
        Oid relid = open.back();
        open.pop_back();
        for (Oid reader : definition::readers_of(relid))
            if (found.insert(reader).second)
                open.push_back(reader);
    }
    return found;
}

} // namespace

/* Whoever is on a diamond with one of them is there by way of an apex above. Each apex is looked at once,
 * in one graph: a group of many levels has as many apexes as members. */
std::vector<Oid> with_siblings(const std::vector<Oid> &relids)
{
    std::set<Oid> result(relids.begin(), relids.end());
    scheduler::Graph graph;
    for (Oid apex : above(relids)) {
        add_below(apex, graph);
        scheduler::Ids members = graph.diamond_of(apex);
        bool is_touched = std::any_of(members.begin(), members.end(), [&](Oid member) {
            return std::find(relids.begin(), relids.end(), member) != relids.end();
        });
        if (is_touched && definition::load(apex).is_diamond_atomic)
            result.insert(members.begin(), members.end());
    }
    return {result.begin(), result.end()};
}

} // namespace pgtrickle::refresh
