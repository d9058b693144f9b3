/*
 * The effective schedule of each stream table: when the manager refreshes it, and because of which others.
 *
 *   own schedule       is its effective one. A dependent that is due more often reads it as it stands.
 *   calculated         the tightest of the effective schedules of its dependents, else on change; so it is refreshed with them.
 *   atomic set         (atomic_sets.hpp) is refreshed as a whole. Policy fastest: when the first of its members is due;
 *                      slowest: when the last of those with a schedule of their own is. A set of several diamonds goes by
 *                      the fastest unless all apexes say slowest.
 *
 * A reader's request, and a refresh by hand, refresh all upstreams, whatever their schedules.
 * Computed at once for a whole graph, in a few walks over it and one over what lies below each apex; to be computed again when
 * a stream table comes, goes or is altered. Pure C++; throws bad_alloc and what `terms` throws.
 */
#pragma once

#include "scheduler/graph/atomic_sets.hpp"
#include "scheduler/time/schedule.hpp"

#include <functional>
#include <unordered_map>

namespace pgtrickle::scheduler {

/* What the definition of a stream table says. */
struct Terms {
    Schedule schedule;
    bool is_time_dependent = false; /* another answer without a change */
    bool is_diamond_atomic = true;
    bool is_diamond_slowest = false;
    Id owner = 0;
};

struct EffectiveSchedule {
    std::vector<Schedule> schedules; /* due when one of them is; none: on change */
    bool waits_for_all = false;      /* due when all of them are */
    bool has_own_schedule = false;   /* not refreshed only because a dependent is that is not of its atomic set */
    Id atomic_set = 0;               /* the first member of its atomic set; 0: it is in none */
    bool operator==(const EffectiveSchedule &) const = default;
};

class EffectiveSchedules {
  public:
    /* `terms` is asked once for each stream table of the graph. */
    void compute(const Graph &graph, const std::function<Terms(Id)> &terms);

    /* On change, for one that it does not know. */
    const EffectiveSchedule &of(Id id) const;
    const AtomicSets &atomic_sets() const { return atomic_sets_; }

  private:
    std::unordered_map<Id, EffectiveSchedule> schedules_;
    AtomicSets atomic_sets_;
};

} // namespace pgtrickle::scheduler
