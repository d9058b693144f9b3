/*
 * A refresh in a session's transaction reads upstreams of other owners without refreshing them
 * (refresh/batch/upstreams_of_others.hpp). Before such a refresh, these functions request a refresh of these
 * upstreams from the manager, which runs in other transactions, and report the ones that could not be
 * refreshed.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "fdw/read/freshness.hpp"

namespace pgtrickle {

struct SkippedUpstream {
    Oid relid;
    Obstacle obstacle;
};
struct SkippedUpstreams {
    SkippedUpstream *list; /* palloc'ed */
    int count;
};

/* Requests the refreshes and waits for them as readers do. Returns the upstreams that still lack changes that
 * the refresh has to show, each with the reason. For a reader that judges by schedules, changes that the
 * schedules permit to be missing do not count. */
SkippedUpstreams refresh_others(const Oid *relids, int count, bool goes_by_schedules);

bool reads_upstreams_of_others(const Oid *relids, int count);

/* Calls refresh_others() for a requested refresh or for a fill, and applies pg_trickle.on_stale to the
 * upstreams that it returns. */
void refresh_others_for(Oid relid);

} // namespace pgtrickle
