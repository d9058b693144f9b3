/*
 * Fair shares of the refresh workers among the owners of stream tables.
 *
 * By default an owner may occupy all workers but one at the same time: whatever its queries do, the other
 * owners have one. A job that would exceed the share waits, and jobs of other owners overtake it. A job
 * belongs to one owner, so that it occupies a worker of one owner, and no stream table waits for one that
 * another role has defined.
 *
 * Owners are opaque numbers; 0 is none. Pure C++.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <functional>

namespace pgtrickle::scheduler {

/* Number of the `workers` that one owner may occupy; `setting` 0: all but one. */
int share_of(int setting, int workers);

/* Effect on a job of an upstream that is not part of it. */
enum class Below {
    as_it_stands, /* the upstream is read whatever rows it has */
    fresh,        /* the upstream needs no refresh now; its own upstreams may need one */
    first,        /* the upstream must be refreshed before its dependents */
};
/* The upstreams of `members` that must be refreshed before them: on each path towards the sources, the first
 * such upstream. `look` classifies upstreams. */
Ids needed_before(const Graph &graph, const Ids &members, const std::function<Below(Id)> &look);

} // namespace pgtrickle::scheduler
