#include "refresh/diamond.hpp"

#include "definition/definition.hpp"

#include <algorithm>
#include <set>

namespace pgtrickle::refresh {

namespace {

/* The tables, not stream tables, that `relid` reads directly or by way of others. */
std::set<Oid> bases_of(Oid relid)
{
    std::vector<Oid> readers = definition::upstreams_of(relid);
    readers.push_back(relid);
    std::set<Oid> bases;
    for (Oid reader : readers)
        for (const Source &source : definition::load(reader).sources)
            if (source.kind != SourceKind::stream_table)
                bases.insert(source.relid);
    return bases;
}

bool is_disjoint(const std::set<Oid> &a, const std::set<Oid> &b)
{
    return std::none_of(a.begin(), a.end(), [&](Oid relid) { return b.count(relid) > 0; });
}

void add_siblings(Oid relid, std::set<Oid> &result)
{
    std::vector<Oid> downstreams = definition::downstreams_of(relid);
    if (downstreams.empty())
        return;
    std::set<Oid> bases = bases_of(relid);
    for (Oid downstream : downstreams) {
        if (!definition::load(downstream).is_diamond_atomic)
            continue;
        for (Oid sibling : definition::upstreams_of(downstream))
            if (result.count(sibling) == 0 && !is_disjoint(bases, bases_of(sibling)))
                result.insert(sibling);
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
