/*
 * Whose turn it is to refresh, of the databases that wait for one: a rule by which all of them agree, as each asks for
 * itself whether others come before it.
 */
#pragma once

#include "scheduler/time/zone.hpp"

namespace pgtrickle::scheduler {

struct Waiting {
    Microseconds since;
    int busy; /* refreshes of that database under way */
};

/* Who has waited for two seconds comes first, so that a database with one long refresh is not kept from all others by
 * databases with short ones; else whose database has the fewest. */
bool comes_before(const Waiting &a, const Waiting &b, Microseconds now);

} // namespace pgtrickle::scheduler
