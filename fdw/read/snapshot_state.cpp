#include "fdw/read/snapshot_state.hpp"

#include "capture/ddl/repeatable_read.hpp"
#include "capture/log/log.hpp"
#include "capture/log/read_locks.hpp"
#include "definition/stream_table.hpp"
#include "fdw/scan/served_relation.hpp"
#include "refresh/sets/refresh_sets.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

namespace pgtrickle {

namespace {

/* Returns whether both stream tables belong to one atomic set. C++ frame. */
bool is_in_one_atomic_set(Oid relid, Oid upstream)
{
    refresh::refresh_sets().process_invalidations();
    refresh::refresh_sets().read_sets_around({relid});
    const std::vector<Oid> &set = refresh::refresh_sets().atomic_set_of(relid);
    return std::binary_search(set.begin(), set.end(), upstream);
}

/* C++ frame. */
void add_missing(std::vector<Oid> &all, const std::vector<Oid> &others)
{
    for (const Oid other : others)
        if (std::find(all.begin(), all.end(), other) == all.end())
            all.push_back(other);
}

/* Returns the frontier of a stream table, or nothing if it has none. C++ frame. */
std::optional<Frontier> frontier_of(const state::VisibleRow &seen)
{
    if (seen.frontier == nullptr)
        return {};
    return Frontier::from_text(seen.frontier, seen.own_xid, seen.own_seq);
}

/* Returns whether the source has a change beyond the frontier that is visible to the snapshot. Raises 40001 if its log
 * was trimmed since the snapshot. C++ frame. */
bool is_pending(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    capture::ReadLocks locks;
    locks.lock(source);
    return call([&] { return capture::has_changes(source, frontier, snapshot); });
}

/* Returns true if the query may see other rows of the source than the log shows: a compared source has no log. C++
 * frame. */
bool is_seen_otherwise(Oid source, Snapshot snapshot)
{
    return call([=] { return definition::is_compared(source); }) || !capture::is_seen_beside_own_work(source, snapshot);
}

/* As is_pending(), or the query may see the source otherwise; this includes that the log was trimmed since the
 * snapshot. C++ frame. */
bool may_differ_from_log(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    capture::ReadLocks locks;
    locks.lock(source);
    return is_seen_otherwise(source, snapshot) || is_pending(source, frontier, snapshot);
}

/* C++ frame. */
state::VisibleRow visible_row_of(Oid relid, Snapshot snapshot)
{
    return call([=] { return state::visible_row(relid, snapshot); });
}

/* Ends with the first change that it finds: one visit of a stream table is enough for all paths that lead to it. */
struct Walk {
    bool own_only;         /* without upstreams that are not refreshed for their dependents */
    TimestampTz begun_at;  /* time dependence counts as a pending change of what was refreshed before */
    bool as_query = false; /* what the query sees without a logged change of a source counts as well */
    int left = 1000;       /* limits the number of visits: beyond it, a change counts as found */
    std::set<Oid> visited = {};
    std::set<Oid> visited_for_suspended = {};
};

/* Whether a refresh of `relid` that is due does not refresh `upstream`, which is refreshed when its own schedule
 * requires that. C++ frame. */
bool is_not_refreshed_for(Oid relid, Oid upstream, const state::VisibleRow &upstream_row)
{
    return upstream_row.status != state::Status::suspended && call([=] { return keeps_own_schedule(upstream); }) &&
           !is_in_one_atomic_set(relid, upstream);
}

bool has_pending_upstream(Oid relid, const state::VisibleRow &seen, Snapshot snapshot, Walk &walk);

/* Returns whether a suspended upstream has a change that has not been applied, at any distance: nothing refreshes it by
 * its schedule. C++ frame. */
bool has_pending_in_suspended(Oid relid, Snapshot snapshot, Walk &walk)
{
    if (!walk.visited_for_suspended.insert(relid).second)
        return false;
    if (--walk.left < 0)
        return true;
    for (const Source &source : definition::sources_of(relid)) {
        if (source.kind != SourceKind::stream_table)
            continue;
        const state::VisibleRow row = visible_row_of(source.relid, snapshot);
        if (row.status == state::Status::suspended ? has_pending_upstream(source.relid, row, snapshot, walk)
                                                   : has_pending_in_suspended(source.relid, snapshot, walk))
            return true;
    }
    return false;
}

/* Returns whether one of the sources of `relid`, which the snapshot sees as `seen`, has a change that has not been
 * applied, at any distance upstream. C++ frame. */
bool has_pending_upstream(Oid relid, const state::VisibleRow &seen, Snapshot snapshot, Walk &walk)
{
    if (!walk.visited.insert(relid).second)
        return false;
    const std::optional<Frontier> frontier = frontier_of(seen);
    if (--walk.left < 0 || !frontier || seen.needs_reinit)
        return true;
    if (walk.as_query ? call([=] { return may_differ_without_change(relid, snapshot); })
                      : seen.data_timestamp < walk.begun_at && call([=] { return is_time_dependent(relid); }))
        return true;
    for (const Source &source : definition::sources_of(relid)) {
        if (walk.as_query ? may_differ_from_log(source.relid, *frontier, snapshot)
                          : is_pending(source.relid, *frontier, snapshot))
            return true;
        if (source.kind != SourceKind::stream_table)
            continue;
        const state::VisibleRow row = visible_row_of(source.relid, snapshot);
        if (walk.own_only && is_not_refreshed_for(relid, source.relid, row)
                ? has_pending_in_suspended(source.relid, snapshot, walk)
                : has_pending_upstream(source.relid, row, snapshot, walk))
            return true;
    }
    return false;
}

/* Returns whether `relid` itself may lack a change that is included in one of these frontiers. The snapshot
 * sees such a change, and for a stream table that lacks it, the change is pending. C++ frame. */
bool may_lack(Oid relid, const std::vector<Frontier> &frontiers, Snapshot snapshot)
{
    const state::VisibleRow seen = visible_row_of(relid, snapshot);
    const std::optional<Frontier> own = frontier_of(seen);
    if (!own || seen.needs_reinit)
        return true;
    if (std::all_of(frontiers.begin(), frontiers.end(), [&](const Frontier &other) { return own->includes(other); }))
        return false;
    const std::vector<Source> sources = definition::sources_of(relid);
    return std::any_of(sources.begin(), sources.end(),
                       [&](const Source &source) { return is_pending(source.relid, *own, snapshot); });
}

/* Implements find_lagging(). The upstreams are examined too, because the frontier of a stream table that
 * reads others says when their changes were applied, but not how old these others were. C++ frame. */
Oid first_lagging(const Oid *relids, int count, Snapshot snapshot)
{
    std::vector<std::vector<Oid>> upstreams_of_each; /* the upstreams of each stream table, and itself */
    for (int i = 0; i < count; i++)
        upstreams_of_each.push_back(definition::with_upstreams(relids[i]));
    if (count == 0 || (count == 1 && upstreams_of_each.front().size() == 1))
        return InvalidOid;
    std::vector<Frontier> frontiers;
    for (int i = 0; i < count; i++) {
        std::optional<Frontier> frontier = frontier_of(visible_row_of(relids[i], snapshot));
        if (!frontier)
            return InvalidOid;
        frontiers.push_back(*std::move(frontier));
    }
    for (int i = 0; i < count; i++)
        if (std::any_of(upstreams_of_each[i].begin(), upstreams_of_each[i].end(),
                        [&](Oid each) { return may_lack(each, frontiers, snapshot); }))
            return relids[i];
    return InvalidOid;
}

} // namespace

void require_storage_seen(Oid relid, Oid storage, Snapshot snapshot)
{
    if (!storage::is_seen_as_it_is(storage, snapshot))
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                 errmsg("could not read stream table \"%s\" under this transaction's snapshot", get_rel_name(relid)),
                 errdetail("Its storage was created or altered after the snapshot was taken."),
                 errhint("Retry the transaction.")));
}

bool has_pending_changes(Oid relid, Snapshot snapshot, bool own_only, TimestampTz begun_at)
{
    return enter([=] {
        Walk walk = {own_only, begun_at};
        return has_pending_upstream(relid, visible_row_of(relid, snapshot), snapshot, walk);
    });
}

bool may_differ_from_query(Oid relid, Snapshot snapshot, const state::VisibleRow &row)
{
    return enter([&] {
        Walk walk = {false, DT_NOBEGIN, true};
        return has_pending_upstream(relid, row, snapshot, walk);
    });
}

int64_t generations_of(const Oid *relids, int count, Snapshot snapshot)
{
    return enter([=] {
        int64_t sum = 0;
        for (int i = 0; i < count; i++)
            for (const Oid one : definition::with_upstreams(relids[i]))
                sum += call([=] { return state::visible_generation(one, snapshot); });
        return sum;
    });
}

bool has_logged_changes(Oid relid, Snapshot snapshot)
{
    return enter([=] {
        Walk walk = {false, DT_NOBEGIN};
        return has_pending_upstream(relid, visible_row_of(relid, snapshot), snapshot, walk);
    });
}

List *of_one_state(Oid relid)
{
    return enter([=] {
        refresh::RefreshSets &sets = refresh::refresh_sets();
        sets.process_invalidations();
        std::vector<Oid> found = {relid};
        for (size_t i = 0; i < found.size(); i++) {
            const Oid one = found[i];
            sets.read_sets_around({one});
            add_missing(found, sets.atomic_set_of(one));
            add_missing(found, sets.group_of(one));
        }
        std::sort(found.begin(), found.end());
        return call([&] {
            List *list = NIL;
            for (const Oid one : found)
                list = lappend_oid(list, one);
            return list;
        });
    });
}

bool is_of_last_refresh(Oid relid, Snapshot snapshot)
{
    const state::VisibleRow latest = state::visible_row(relid), seen = state::visible_row(relid, snapshot);
    return seen.frontier != nullptr && latest.frontier != nullptr && strcmp(seen.frontier, latest.frontier) == 0 &&
           seen.own_xid == latest.own_xid && seen.own_seq == latest.own_seq;
}

Oid find_lagging(const Oid *relids, int count, Snapshot snapshot)
{
    return enter([=] { return first_lagging(relids, count, snapshot); });
}

} // namespace pgtrickle
