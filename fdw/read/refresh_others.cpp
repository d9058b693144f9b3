#include "fdw/read/refresh_others.hpp"

#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/on_stale.hpp"
#include "fdw/read/refresh_wait.hpp"
#include "fdw/read/session/own_effects.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "mailbox/mailbox.hpp"
#include "refresh/batch/upstreams_of_others.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

Oid *upstreams_of_others(const Oid *relids, int count, int *found_count)
{
    Oid *found = nullptr;
    *found_count = enter([&] {
        const std::vector<Oid> upstreams = refresh::upstreams_of_others({relids, relids + count});
        found = call([&] { return static_cast<Oid *>(palloc(sizeof(Oid) * (upstreams.size() + 1))); });
        std::copy(upstreams.begin(), upstreams.end(), found);
        return static_cast<int>(upstreams.size());
    });
    return found;
}

bool is_populated_now(Oid relid)
{
    return state::visible_row(relid).is_populated;
}

/* The stream table may be altered or dropped meanwhile: it is locked only while it is judged. */
bool is_served_by_its_schedule(Oid relid, TimestampTz now)
{
    if (!definition::lock_if_exists(relid, AccessShareLock))
        return true;
    const bool is_served = judge(relid, now).verdict == Verdict::serve;
    UnlockRelationOid(relid, AccessShareLock);
    return is_served;
}

/* A fixed snapshot does not show a refresh by the manager that happens now. A fill takes a snapshot of its
 * own (refresh.cpp). */
bool is_under_fixed_snapshot(const Oid *relids, int count)
{
    return IsolationUsesXactSnapshot() && FirstSnapshotSet && std::all_of(relids, relids + count, is_populated_now);
}

Obstacle obstacle_as_of(Oid relid, Snapshot snapshot)
{
    return has_pending_changes(relid, snapshot) ? Obstacle::fixed_snapshot : Obstacle::none;
}

} // namespace

SkippedUpstreams refresh_others(const Oid *relids, int count, bool goes_by_schedules)
{
    int upstream_count;
    Oid *upstreams = upstreams_of_others(relids, count, &upstream_count);
    SkippedUpstreams left = {static_cast<SkippedUpstream *>(palloc(sizeof(SkippedUpstream) * (upstream_count + 1))), 0};
    auto *requested = static_cast<Oid *>(palloc(sizeof(Oid) * (upstream_count + 1)));
    int requested_count = 0;
    const TimestampTz now = GetCurrentTimestamp();
    const bool is_fixed = is_under_fixed_snapshot(relids, count);
    auto leave = [&](Oid relid, Obstacle obstacle) { left.list[left.count++] = {relid, obstacle}; };
    for (int i = 0; i < upstream_count; i++) {
        const Oid upstream = upstreams[i];
        const mailbox::MailboxStatus known = mailbox::status_of(upstream);
        const bool is_populated = is_populated_now(upstream);
        if (is_populated && (known.is_current() || (goes_by_schedules && is_served_by_its_schedule(upstream, now))))
            continue;
        if (is_populated && is_fixed) {
            if (Obstacle obstacle = obstacle_as_of(upstream, GetTransactionSnapshot()); obstacle != Obstacle::none)
                leave(upstream, obstacle);
        } else if (Obstacle obstacle = obstacle_in(known.state); obstacle != Obstacle::none)
            leave(upstream, obstacle);
        else
            requested[requested_count++] = upstream;
    }
    /* If a worker waits for this transaction, the wait ends, and the stream tables are read as they are: a statement on
     * a source that changes the definition of another role's stream table must not fail because of that. */
    const Obstacle obstacle = request_and_wait(requested, requested_count, Waiter::session);
    if (obstacle != Obstacle::none)
        for (int i = 0; i < requested_count; i++)
            if (!mailbox::status_of(requested[i]).is_current())
                leave(requested[i], obstacle);
    /* None of these upstreams contains the changes of this transaction. */
    for (int i = 0; i < upstream_count; i++) {
        auto is_it = [&](const SkippedUpstream &one) { return one.relid == upstreams[i]; };
        if (!goes_by_schedules && own_effects_on(upstreams[i]).has_changes &&
            std::none_of(left.list, left.list + left.count, is_it))
            leave(upstreams[i], Obstacle::own_changes);
    }
    return left;
}

bool reads_upstreams_of_others(const Oid *relids, int count)
{
    return enter([=] { return !refresh::upstreams_of_others({relids, relids + count}).empty(); });
}

void refresh_others_for(Oid relid)
{
    const SkippedUpstreams left = refresh_others(&relid, 1, false);
    for (int i = 0; i < left.count; i++)
        apply_on_stale(left.list[i].relid, left.list[i].obstacle);
}

} // namespace pgtrickle
