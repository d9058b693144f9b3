/*
 * Which refresh worker is to do a piece of work.
 *
 * A worker has what it has refreshed compiled: its home. Elsewhere it would be compiled once more, which takes longer than
 * most refreshes and as much memory again. So who is at home with a worker that is busy waits for it, while a
 * moment may do; and goes to another one, an idle one or a new one, when there is a real backlog: it has
 * waited for `patience_us`, or what its worker does is `long_job_us` old and may take who knows how long.
 * Where it goes then is its home from now on, so lasting backlogs spread over the workers.
 *
 * Who has no home takes an idle worker, and waits for one like the others.
 *
 * Times are arguments. Pure C++.
 */
#pragma once

#include "scheduler/time/schedule.hpp"

#include <vector>

namespace pgtrickle::scheduler {

constexpr Microseconds patience_us = 50'000;
constexpr Microseconds long_job_us = 20'000;

struct Hand {
    int number;
    bool is_busy;
    Microseconds since; /* it has been busy, or idle */
};

struct Assignment {
    enum class To {
        hand,    /* this one, who is idle */
        another, /* one that has to be started */
        later,   /* nobody before `until`, unless a hand is free before */
    };
    To to;
    int number = 0;
    Microseconds until = 0;
    bool operator==(const Assignment &) const = default;
};

/* `home` is no hand's number where there is none. A time later than `now` was read before the clock was set back: what is
 * wanted since then is wanted just now, and who is busy since then is not waited for. */
Assignment assign(const std::vector<Hand> &hands, int home, Microseconds wanted_since, Microseconds now);

} // namespace pgtrickle::scheduler
