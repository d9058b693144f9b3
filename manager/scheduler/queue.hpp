/*
 * When each stream table of a database must be refreshed.
 *
 * A task is in one of four places:
 *   idle       clean, or not examined since; a commit may make it dirty
 *   queued     dirty; due at a known time, which a back-off may have postponed
 *   suspended  not refreshed until resumed
 *   running    in a job, until the caller moves it elsewhere
 *
 * Tasks are owned by the queue; references stay valid until remove(). Times are arguments. Pure C++; throws
 * bad_alloc only.
 */
#pragma once

#include "scheduler/graph/graph.hpp"
#include "scheduler/throttle.hpp"
#include "scheduler/time/schedule.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <optional>
#include <unordered_map>
#include <vector>

namespace pgtrickle::scheduler {

using AutoUnlinkDue = boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
using AutoUnlinkIdle = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

struct Task : AutoUnlinkDue, AutoUnlinkIdle {
    Id id = 0;
    std::vector<Schedule> schedules;     /* due when one of them is; empty: on change */
    bool waits_for_all = false;          /* due when all of them are */
    bool is_due_without_changes = false; /* time-dependent: volatile functions, now() */
    bool is_unfilled = false;            /* cannot be read: due at once */
    bool is_suspended = false;
    bool is_running = false;
    int failures = 0;              /* failures in a row */
    int retries = 0;               /* of failures whose cause may pass, in a row */
    Microseconds refreshed_at = 0; /* start of its last refresh; 0: unknown */
    Microseconds not_before = 0;   /* end of the back-off */
    Microseconds due_at = 0;       /* while queued */
    Throttle throttle;             /* used if it is refreshed on change */
    bool is_queued() const { return AutoUnlinkDue::is_linked(); }
    bool is_idle() const { return AutoUnlinkIdle::is_linked(); }
};

class Queue {
  public:
    Queue() = default;
    Queue(const Queue &) = delete;
    Queue &operator=(const Queue &) = delete;

    /* The task of `id`; a new one is idle. */
    Task &task(Id id);
    Task *find(Id id);
    void remove(Id id);
    Ids ids() const; /* ascending */

    void make_idle(Task &task);
    void queue(Task &task, Microseconds due_at);
    void suspend(Task &task);
    void start(Task &task);

    Ids idle() const;
    bool all_idle() const { return idle_count_ == tasks_.size(); }
    /* The first due time later than `now`. */
    std::optional<Microseconds> first_due_after(Microseconds now) const;
    /* Tasks due at `now`, earliest first; they stay queued. */
    Ids due(Microseconds now) const;
    /* Called with the current time at each look at the queue. Due times were computed by the same clock: if
     * it has been set back, makes all queued tasks idle, so that they are examined again, and returns
     * true. */
    bool notice_time(Microseconds now);

  private:
    struct KeyOfDue {
        using type = Microseconds;
        const Microseconds &operator()(const Task &task) const { return task.due_at; }
    };
    void take_out(Task &task);

    Microseconds noticed_ = INT64_MIN + 2 * second_us;
    std::unordered_map<Id, Task> tasks_; /* owns the tasks */
    size_t idle_count_ = 0;
    boost::intrusive::multiset<Task, boost::intrusive::base_hook<AutoUnlinkDue>,
                               boost::intrusive::key_of_value<KeyOfDue>, boost::intrusive::constant_time_size<false>>
        by_due_;
    boost::intrusive::list<Task, boost::intrusive::base_hook<AutoUnlinkIdle>,
                           boost::intrusive::constant_time_size<false>>
        idle_;
};

/* Time at which to refresh a task whose oldest change not applied is of `dirty_since` (0: the task is clean;
 * INT64_MIN: the time is unknown; then the time of its last refresh is used, or the task is due at once if
 * there was none). One that lacks changes and has no rows is due at once, too. `spacing_us` is the longest pause of a
 * task that is refreshed on change. Returns nothing if the task is not due at any time. A task is due once, however
 * many due times have passed. A time remembered from before the clock was set back does not hold up the task. */
std::optional<Microseconds> due_at(const Task &task, Microseconds dirty_since, Microseconds now,
                                   Microseconds spacing_us, const Zone &zone);

constexpr Microseconds longest_back_off_us = 600 * second_us;
/* Nothing signals when disk space or memory becomes available, so retry at this interval. */
constexpr Microseconds longest_wait_for_room_us = 60 * second_us;

/* Back-off after the n-th failure of a task in a row: a second, doubled each time, at most `longest_us`; less
 * a part of up to a quarter that depends on the task, so that tasks that failed together, perhaps because of
 * each other's locks, are not retried together. */
Microseconds back_off_us(Id id, int failures, Microseconds longest_us = longest_back_off_us);
/* Returns the end of a back-off: `now` for one that was read from a clock that has been set back since. */
Microseconds end_of_back_off(Microseconds remembered, Microseconds now);

} // namespace pgtrickle::scheduler
