#include "scheduler/database_turn.hpp"

namespace pgtrickle::scheduler {

namespace {

constexpr Microseconds late_us = 2 * second_us;

} // namespace

bool comes_before(const Waiting &a, const Waiting &b, Microseconds now)
{
    bool is_a_late = a.since < now - late_us, is_b_late = b.since < now - late_us;
    if (is_a_late != is_b_late)
        return is_a_late;
    if (!is_a_late && a.busy != b.busy)
        return a.busy < b.busy;
    return a.since < b.since;
}

} // namespace pgtrickle::scheduler
