/*
 * The effective schedule of each stream table: when the manager refreshes it, and because of which other
 * ones.
 *
 *   own schedule       is the effective one. A dependent that is due more often reads the stream table as it
 *                      stands.
 *   calculated         the tightest of the effective schedules of its dependents, or on change if none is
 *                      of its owner: those of others make it due more often, never less. It is refreshed
 *                      with them.
 *   atomic set         (atomic_sets.hpp) is refreshed as a whole. Policy fastest: when the first of its
 *                      members is due; slowest: when the last of those with a schedule of their own is. A set
 *                      of several diamonds uses fastest unless all apexes say slowest.
 *
 * A reader's request, and a refresh by hand, refresh all upstreams, whatever their schedules.
 *
 * The schedules of a whole graph are computed at once, in a few walks over it and one over everything
 * upstream of each apex; they must be computed again when a stream table is created, dropped or altered. Pure
 * C++; throws bad_alloc and what `terms` throws.
 */
#pragma once

#include "scheduler/graph/atomic_sets.hpp"
#include "scheduler/time/schedule.hpp"

#include <functional>
#include <unordered_map>

namespace pgtrickle::scheduler {

/* The part of a stream table's definition that schedules depend on. */
struct Terms {
    Schedule schedule;
    bool is_time_dependent = false; /* its result may differ without a change */
    bool is_diamond_atomic = true;
    bool is_diamond_slowest = false;
    Id owner = 0;
};

struct EffectiveSchedule {
    std::vector<Schedule> schedules; /* due when one of them is; empty: on change */
    bool waits_for_all = false;      /* due when all of them are */
    bool has_own_schedule = false;   /* not refreshed because of dependents outside its atomic set */
    Id atomic_set = 0;               /* the first member of its atomic set; 0: it is in none */
    bool operator==(const EffectiveSchedule &) const = default;
};

class EffectiveSchedules {
  public:
    /* Computes all effective schedules. `terms` is called once for each stream table of the graph. */
    void compute(const Graph &graph, const std::function<Terms(Id)> &terms);

    /* The effective schedule of `id`; on change if `id` is unknown. */
    const EffectiveSchedule &of(Id id) const;
    const AtomicSets &atomic_sets() const { return atomic_sets_; }

  private:
    std::unordered_map<Id, EffectiveSchedule> schedules_;
    AtomicSets atomic_sets_;
};

} // namespace pgtrickle::scheduler
