#include "refresh/diamond.hpp"

#include "definition/definition.hpp"
#include "definition/state.hpp"

namespace pgtrickle::refresh {

namespace {

const std::vector<Oid> nobody;

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

} // namespace

void Diamonds::look_around(Oid relid)
{
    std::vector<Oid> open = {relid};
    while (!open.empty()) {
        Oid next = open.back();
        open.pop_back();
        if (!seen_.insert(next).second)
            continue;
        look_at_end(next);
        for (Oid reader : definition::readers_of(next))
            open.push_back(reader);
    }
}

void Diamonds::look_at_end(Oid relid)
{
    /* Most are not: there are two ways from an end. */
    if (call([=] { return list_length(state::sources_of(relid)); }) < 2)
        return;
    add_below(relid, graph_);
    scheduler::Ids members = graph_.diamond_of(relid);
    if (members.empty() || !definition::load(relid).is_diamond_atomic)
        return;
    members.push_back(relid);
    bind(members);
}

void Diamonds::bind(const std::vector<Oid> &members)
{
    std::set<Oid> all(members.begin(), members.end());
    for (Oid member : members)
        all.insert(bound_to(member).begin(), bound_to(member).end());
    /* What it takes in stays behind, and is nobody's bond any more. */
    for (Oid member : all)
        bond_of_[member] = bonds_.size();
    bonds_.emplace_back(all.begin(), all.end());
}

std::vector<std::vector<Oid>> Diamonds::bonds() const
{
    std::vector<std::vector<Oid>> result;
    for (size_t i = 0; i < bonds_.size(); i++)
        if (bond_of_.at(bonds_[i].front()) == i)
            result.push_back(bonds_[i]);
    return result;
}

const std::vector<Oid> &Diamonds::bound_to(Oid relid) const
{
    auto found = bond_of_.find(relid);
    return found == bond_of_.end() ? nobody : bonds_[found->second];
}

} // namespace pgtrickle::refresh
