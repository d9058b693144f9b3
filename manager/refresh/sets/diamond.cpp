#include "refresh/sets/diamond.hpp"

#include "definition/definition.hpp"
#include "definition/options.hpp"
#include "definition/state/state.hpp"
#include "pg/relation_row.hpp"
#include "scheduler/graph/diamond.hpp"
#include "scheduler/graph/refresh_batch.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_table.h"
#include "utils/syscache.h"
}

namespace pgtrickle::refresh {

namespace {

/* Reads the options of a foreign table. Returns false if it does not exist. PostgreSQL frame. */
bool read_options(Oid relid, List **options)
{
    HeapTuple tuple = SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool is_null;
    Datum found = SysCacheGetAttr(FOREIGNTABLEREL, tuple, Anum_pg_foreign_table_ftoptions, &is_null);
    *options = is_null ? NIL : untransformRelOptions(found);
    ReleaseSysCache(tuple);
    return true;
}

bool is_atomic(Oid relid)
{
    List *options;
    if (!call([&] { return read_options(relid, &options); }))
        return false;
    Definition definition;
    options::apply(options::from_list(options), &definition);
    return definition.is_diamond_atomic;
}

Oid owner_of(Oid relid)
{
    return call([=] { return owner_of_relation(relid, true); });
}

} // namespace

void add_upstreams(Oid relid, scheduler::Graph &graph)
{
    std::vector<Oid> open = {relid};
    while (!open.empty()) {
        const Oid next = open.back();
        open.pop_back();
        if (graph.contains(next))
            continue;
        scheduler::Ids sources;
        for (const Source &source : definition::sources_of(next)) {
            sources.push_back(source.relid);
            if (source.kind == SourceKind::stream_table)
                open.push_back(source.relid);
        }
        graph.set(next, std::move(sources));
    }
}

void Diamonds::read_sets_around(std::vector<Oid> open)
{
    scheduler::Ids ends;
    while (!open.empty()) {
        Oid next = open.back();
        open.pop_back();
        if (!seen_.insert(next).second)
            continue;
        /* An apex reads at least two relations, which most stream tables do not. */
        if (call([=] { return list_length(state::sources_of(next)); }) > 1)
            ends.push_back(next);
        for (Oid dependent : definition::dependents_of(next))
            open.push_back(dependent);
    }
    if (!ends.empty())
        look_at_ends(ends);
}

void Diamonds::look_at_ends(const scheduler::Ids &ends)
{
    for (Oid end : ends)
        add_upstreams(end, graph_);
    atomic_sets_.add(scheduler::find_atomic_sets(graph_, scheduler::with_upstreams(graph_, ends), is_atomic, owner_of));
}

std::vector<Oid> members_of_other_owners(Oid relid)
{
    scheduler::Graph graph;
    add_upstreams(relid, graph);
    scheduler::Ids members = scheduler::DiamondSearch(graph, scheduler::with_upstreams(graph, {relid})).of(relid);
    const Oid owner = owner_of(relid);
    std::erase_if(members, [=](Oid member) { return owner_of(member) == owner; });
    if (members.empty() || !is_atomic(relid))
        return {};
    return {members.begin(), members.end()};
}

} // namespace pgtrickle::refresh
