/*
 * A refresh batch: what one job refreshes.
 *
 * A batch is found from one of its wanted members (due, or asked for): all wanted ones that are
 * connected with it, and the optional ones that are: free ones (neither failing nor busy) that have
 * the schedules of a wanted one in the batch, clean or not. So what comes due together is at one
 * frontier, and a statement over several of them sees one state. Two stream tables are
 * connected if a chain of members leads from one to the other, each link sharing a relation (at any depth)
 * or reading the other. Members of the refresh group of a member are refreshed, too, if they are free, connected or not.
 *
 * The cost is that of the relations met, not of the whole graph. Pure C++; throws bad_alloc
 * and what the functions given throw.
 */
#pragma once

#include "scheduler/graph/atomic_sets.hpp"
#include "scheduler/time/schedule.hpp"

#include <functional>

namespace pgtrickle::scheduler {

struct Candidate {
    bool is_wanted = false;
    bool is_free = false;                            /* to be refreshed, too */
    const std::vector<Schedule> *schedules = nullptr; /* if it is one of both */
    const Ids *group_members = nullptr;              /* of its refresh group, or none */
};

/* The members of the batch that `start`, which is wanted, is in; upstreams first. `candidate` is
 * asked once for each stream table that is met. */
Ids batch_of(const Graph &graph, Id start, const std::function<Candidate(Id)> &candidate);

/* What of `batch` one refresh can take to one state, if stream tables of others are refreshed apart (`is_foreign`): no foreign one
 * lies between two of its members, as that would have to be refreshed after one of them and before the other. `start` stays; of
 * others, those below it that a foreign one reads, and those that read a foreign one above a member, leave. Those that
 * `is_fixed` says stay, too. Costs a walk over what is above the batch. */
Ids without_foreign_between(const Graph &graph, Id start, const Ids &batch, const std::function<bool(Id)> &is_foreign,
                            const std::function<bool(Id)> &is_fixed);

/* `members`, those upstreams that `comes` says are refreshed with them, and the atomic sets of any of these, at any depth; in
 * order. */
Ids with_required(const Graph &graph, const AtomicSets &sets, const Ids &members, const std::function<bool(Id)> &comes);

/* `members`, and behind them all stream tables that they read, directly or by way of others. */
Ids with_upstreams(const Graph &graph, const Ids &members);

/* `id`, and all that it reads, tables included. */
Ids relations_below(const Graph &graph, Id id);

} // namespace pgtrickle::scheduler
