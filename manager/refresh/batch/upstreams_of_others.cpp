#include "refresh/batch/upstreams_of_others.hpp"

#include "definition/stream_table.hpp"
#include "refresh/batch/refresh_right.hpp"
#include "refresh/sets/refresh_sets.hpp"

#include <set>

namespace pgtrickle::refresh {

namespace {

struct Reached {
    std::set<Oid> members, others;
};

Reached reached_by(const std::vector<Oid> &relids)
{
    std::set<Oid> members, others;
    std::vector<Oid> open = relids;
    refresh_sets().process_invalidations();
    while (!open.empty()) {
        const Oid relid = open.back();
        open.pop_back();
        if (!members.insert(relid).second)
            continue;
        others.erase(relid);
        refresh_sets().append_members_with(relid, &open);
        for (const Source &source : definition::sources_of(relid)) {
            if (source.kind != SourceKind::stream_table || members.count(source.relid) != 0)
                continue;
            if (may_refresh_here(source.relid))
                open.push_back(source.relid);
            else
                others.insert(source.relid);
        }
    }
    return {members, others};
}

} // namespace

std::vector<Oid> upstreams_of_others(const std::vector<Oid> &relids)
{
    const Reached reached = reached_by(relids);
    return {reached.others.begin(), reached.others.end()};
}

std::vector<Oid> refreshed_with(Oid relid)
{
    const Reached reached = reached_by({relid});
    return {reached.members.begin(), reached.members.end()};
}

} // namespace pgtrickle::refresh
