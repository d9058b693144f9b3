/*
 * The order in which waiting databases get a turn to refresh. All managers apply the same rule, since each
 * determines for itself whether others come before it.
 */
#pragma once

#include "scheduler/time/zone.hpp"

namespace pgtrickle::scheduler {

struct Waiting {
    Microseconds since;
    int busy; /* number of that database's refreshes under way */
};

/* Whether `a` comes before `b`. A database that has waited for two seconds comes first, so that databases
 * with short refreshes do not keep a database with one long refresh waiting; otherwise the database with the
 * fewest refreshes under way, then the one that has waited longest. */
bool comes_before(const Waiting &a, const Waiting &b, Microseconds now);

} // namespace pgtrickle::scheduler
