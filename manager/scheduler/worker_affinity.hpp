/*
 * Which refresh worker is to do a piece of work.
 *
 * A worker has what it has refreshed compiled: for these it is the preferred worker. Elsewhere it would be compiled once more, which takes longer than
 * most refreshes and as much memory again. So a job whose preferred worker is busy waits for it, while a
 * moment may do; and goes to another one, an idle one or a new one, when there is a real backlog: it has
 * waited for `time_limit_us`, or what its worker does is `long_job_us` old and may take who knows how long.
 * The worker it goes to then is its preferred one from now on, so lasting backlogs spread over the workers.
 *
 * A job without a preferred worker takes an idle one, and waits for one like the others.
 *
 * Times are arguments. Pure C++.
 */
#pragma once

#include "scheduler/time/schedule.hpp"

#include <vector>

namespace pgtrickle::scheduler {

constexpr Microseconds time_limit_us = 50'000;
constexpr Microseconds long_job_us = 20'000;

struct WorkerStatus {
    int number;
    bool is_busy;
    Microseconds since; /* it has been busy, or idle */
};

struct Assignment {
    enum class To {
        worker,    /* this one, which is idle */
        another, /* one that has to be started */
        later,   /* none before `until`, unless a worker is free before */
    };
    To to;
    int number = 0;
    Microseconds until = 0;
    bool operator==(const Assignment &) const = default;
};

/* `preferred_worker` is no worker's number where there is none. A time later than `now` was read before the clock was set back: what is
 * wanted since then is wanted just now, and who is busy since then is not waited for. */
Assignment assign(const std::vector<WorkerStatus> &workers, int preferred_worker, Microseconds wanted_since, Microseconds now);

} // namespace pgtrickle::scheduler
