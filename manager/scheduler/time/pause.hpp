/*
 * Pauses that begin at a time of the clock. A clock that has been set back ends them; they would otherwise last until
 * it has caught up. Pure C++.
 */
#pragma once

#include "scheduler/time/zone.hpp"

namespace pgtrickle::scheduler {

/* Whether a pause of this length goes on. 0, or less: none has begun. */
inline bool is_pausing(Microseconds now, Microseconds began_at, Microseconds length)
{
    return now >= began_at && now < began_at + length;
}

} // namespace pgtrickle::scheduler
