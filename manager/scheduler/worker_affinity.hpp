/*
 * Which refresh worker runs a job.
 *
 * A worker keeps the programs of the stream tables that it has refreshed, and is their preferred worker. In
 * another worker they would be compiled once more, which takes longer than most refreshes and as much memory
 * again. A job whose preferred worker is busy therefore waits for that worker for a moment. It goes to
 * another worker, an idle or a new one, if there is a real backlog: the job has waited for `time_limit_us`,
 * or the job of its worker is `long_job_us` old and may take any time. The other worker is then its preferred
 * one, so that lasting backlogs spread over the workers.
 *
 * A job without a preferred worker goes to an idle one; if there is none, it waits under the same limits.
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
    Microseconds since; /* since when it has been busy, or idle */
};

struct Assignment {
    enum class To {
        worker,  /* worker `number`, which is idle */
        another, /* a worker that has to be started */
        later,   /* no worker before `until`, unless one becomes free before */
    };
    To to;
    int number = 0;
    Microseconds until = 0;
    bool operator==(const Assignment &) const = default;
};

/* Assigns a job. `preferred_worker` is the number of no worker if the job has none. A time later than `now`
 * was read before the clock was set back: a job queued since then counts as queued just now, and a worker
 * busy since then is not waited for. */
Assignment assign(const std::vector<WorkerStatus> &workers, int preferred_worker, Microseconds wanted_since,
                  Microseconds now);

} // namespace pgtrickle::scheduler
