/*
 * The pace of each stream table: when the manager refreshes it by itself, and whom with.
 *
 *   own schedule       it keeps to that. Who reads it and is due more often reads it as it stands.
 *   calculated         the tightest of what its dependents go by, else on change; so it comes along with them.
 *   atomic diamond     what lies on the ways between an apex and where they part goes together with the apex, in one
 *                      transaction or not at all. Policy fastest: when the first of them is due; slowest: when the
 *                      last of those with a time of their own is. Diamonds that share a member are one, and go by
 *                      the fastest unless all say slowest. An apex binds what has its owner: a definition does not decide when
 *                      other owners' stream tables are refreshed.
 *
 * A reader who asks, and a refresh by hand, take all that is read below along, whatever its pace.
 * Computed at once for a whole graph, in a few walks over it and one over what lies below each apex; to be computed anew when
 * a stream table comes, goes or is altered. Pure C++; throws bad_alloc and what `terms` throws.
 */
#pragma once

#include "scheduler/graph/graph.hpp"
#include "scheduler/time/schedule.hpp"

#include <functional>
#include <unordered_map>

namespace pgtrickle::scheduler {

/* What the definition of a stream table says. */
struct Terms {
    Schedule schedule;
    bool is_restless = false; /* another answer without a change */
    bool is_diamond_atomic = true;
    bool is_diamond_slowest = false;
    Id owner = 0;
};

struct EffectiveSchedule {
    std::vector<Schedule> schedules; /* due when one of them is; none: on change */
    bool waits_for_all = false;      /* due when all of them are */
    bool has_own_schedule = false; /* not refreshed only because somebody is who reads it, and is not bound to it */
    Id bond = 0;          /* the least of those that are bound to it, itself included; 0: nobody is */
    bool operator==(const EffectiveSchedule &) const = default;
};

class EffectiveSchedules {
  public:
    /* `terms` is asked once for each stream table of the graph. */
    void compute(const Graph &graph, const std::function<Terms(Id)> &terms);

    /* On change, for one that it does not know. */
    const EffectiveSchedule &of(Id id) const;
    /* Those that are refreshed together with it or not at all, itself included, ascending; empty: none but itself. */
    const Ids &bound_to(Id id) const;

  private:
    std::unordered_map<Id, EffectiveSchedule> paces_;
    std::vector<Ids> bonds_;
    std::unordered_map<Id, size_t> bond_of_;
};

/* `members`, those that they read and that `come` along, and who is bound to any of these, at any depth; in order. */
Ids with_required(const Graph &graph, const EffectiveSchedules &paces, const Ids &members, const std::function<bool(Id)> &comes);

} // namespace pgtrickle::scheduler
