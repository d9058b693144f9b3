/*
 * A refresh in a session's transaction reads upstreams that it leaves to others (refresh/group/upstreams_of_others.hpp). Before it, the
 * manager is asked to refresh these, in transactions of its own; what could not be refreshed is told.
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

/* Waits as readers do. What of the upstreams of others still lacks changes that the refresh is to show, and why: for a reader that goes
 * by schedules, not what these allow to lack. */
SkippedUpstreams refresh_others(const Oid *relids, int count, bool goes_by_schedules);

bool reads_upstreams_of_others(const Oid *relids, int count);

/* For a refresh that is asked for by name, or fills. Of those that are left behind, pg_trickle.on_stale decides. */
void refresh_others_for(Oid relid);

} // namespace pgtrickle
