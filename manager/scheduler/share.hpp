/*
 * Fair shares of the refresh workers among the owners of stream tables.
 *
 * By default an owner may occupy all workers but one at the same time: whatever its queries do, the other
 * owners have one. A job that would exceed the share waits, and jobs of other owners overtake it. A job is of
 * one party, so that it occupies a worker of one owner, and no stream table waits for what another role has
 * defined. A party is an owner, or a refresh group of several owners, which only a role that may act for all
 * of them can make.
 *
 * Owners are opaque numbers, 0 none. Pure C++.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <functional>

namespace pgtrickle::scheduler {

/* How many of `workers` one owner may occupy; `setting` 0: all but one. */
int share_of(int setting, int workers);

/* The stream tables that may share a job: all of an owner, or those of a refresh group of several owners. */
struct Party {
    Id owner = 0; /* or 0 */
    Id group = 0; /* the first of it, or 0 */
    bool operator==(const Party &) const = default;
};

/* `group`: its refresh group, ascending, or null. */
Party party_of(Id id, const Ids *group, const std::function<Id(Id)> &owner_of);

/* The owners of the members, each once, ascending. */
Ids owners_of(const Ids &members, const std::function<Id(Id)> &owner_of);

/* How an upstream counts that takes no part in a job. */
enum class Below {
    as_it_stands, /* it is read whatever it shows */
    fresh,        /* it needs no refresh now; what it reads itself may */
    first,        /* it is to be refreshed before those that read it */
};
/* The upstreams of `members` that are to be refreshed before them: on each way down the first one. */
Ids needed_before(const Graph &graph, const Ids &members, const std::function<Below(Id)> &look);

} // namespace pgtrickle::scheduler
