/*
 * A refresh batch: the stream tables that one job refreshes.
 *
 * A batch is found from one of its wanted members (due or requested): it has all wanted stream tables that
 * are connected with it, and the connected optional ones: free ones (neither failing nor busy) with the
 * schedules of a wanted one in the batch, whether clean or not. Stream tables that are due together are
 * therefore at one frontier, and a statement over several of them sees one state. Two stream tables are
 * connected if a chain of members leads from one to the other, each link sharing a relation (at any depth) or
 * reading the other. Members of the refresh group of a member are refreshed as well if they are free,
 * connected or not.
 *
 * The cost is that of the relations visited, not of the whole graph. Pure C++; throws bad_alloc and what the
 * given functions throw.
 */
#pragma once

#include "scheduler/graph/atomic_sets.hpp"
#include "scheduler/time/schedule.hpp"

#include <functional>

namespace pgtrickle::scheduler {

struct Candidate {
    bool is_wanted = false;
    bool is_free = false;                             /* may be refreshed as well */
    const std::vector<Schedule> *schedules = nullptr; /* set if it is wanted or free */
    const Ids *group_members = nullptr;               /* of its refresh group; null if it is in none */
};

/* The members of the batch that contains `start`, which is wanted; upstreams first. `candidate` is called for
 * each stream table that is visited. */
Ids batch_of(const Graph &graph, Id start, const std::function<Candidate(Id)> &candidate);

/* The part of `batch` that one refresh can bring to one state if foreign stream tables (`is_foreign`) are
 * refreshed apart: no foreign one may lie between two members, as it would have to be refreshed after one of
 * them and before the other. `start` stays. Removed are members from which a path through a foreign stream
 * table leads to `start`, and then members to which such a path leads from a remaining member. Members for
 * which `is_fixed` returns true stay, too. Costs walks over everything downstream of the members. */
Ids without_foreign_between(const Graph &graph, Id start, const Ids &batch, const std::function<bool(Id)> &is_foreign,
                            const std::function<bool(Id)> &is_fixed);

/* `members`, the upstreams that must be refreshed with them according to `comes`, and the atomic sets of all
 * of these, at any depth; in order. */
Ids with_required(const Graph &graph, const AtomicSets &sets, const Ids &members, const std::function<bool(Id)> &comes);

/* `members`, followed by all their upstreams. */
Ids with_upstreams(const Graph &graph, const Ids &members);

/* `id` and all relations that it reads, at any depth, tables included. */
Ids with_all_upstreams(const Graph &graph, Id id);

} // namespace pgtrickle::scheduler
