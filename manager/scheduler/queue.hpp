/*
 * When each stream table of a database is to be refreshed.
 *
 * A task is in one of four places:
 *   idle       clean, or not looked at since; a commit may make it dirty
 *   queued     dirty; due at a known time, which the back-off may have put off
 *   suspended  not refreshed until resumed
 *   running    in a job, until who runs it puts it elsewhere
 * Tasks are owned by the queue; references stay valid until remove(). Times are arguments.
 * Pure C++; throws bad_alloc only.
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
    std::vector<Schedule> schedules;   /* due when one of them is; none: on change */
    bool waits_for_all = false;        /* due when all of them are */
    bool is_due_without_changes = false;    /* its query has another answer without a change: volatile, now() */
    bool is_suspended = false;
    bool is_running = false;
    int failures = 0;                  /* in a row */
    Microseconds refreshed_at = 0;     /* start of its last refresh, 0: unknown */
    Microseconds not_before = 0;       /* back-off */
    Microseconds due_at = 0;           /* while queued */
    Throttle throttle;                 /* if it is refreshed on change */
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
    std::optional<Microseconds> first_due() const;
    /* The first due time after `now`. */
    std::optional<Microseconds> first_due_after(Microseconds now) const;
    /* Those due at `now`, earliest first; they stay queued. */
    Ids due(Microseconds now) const;
    /* What time it is, at each look at the queue. Due times were read from the same clock: if it has been set
     * back, all queued ones become idle, to be judged anew, and the answer is true. */
    bool notice_time(Microseconds now);
    /* Removes those due at `now` from the queue, earliest first; they are idle then. */
    Ids take_due(Microseconds now);

  private:
    struct KeyOfDue {
        using type = Microseconds;
        const Microseconds &operator()(const Task &task) const { return task.due_at; }
    };
    void take_out(Task &task);

    Microseconds noticed_ = INT64_MIN + 2 * second_us;
    std::unordered_map<Id, Task> tasks_; /* owns them */
    size_t idle_count_ = 0;
    boost::intrusive::multiset<Task, boost::intrusive::base_hook<AutoUnlinkDue>,
                               boost::intrusive::key_of_value<KeyOfDue>, boost::intrusive::constant_time_size<false>>
        by_due_;
    boost::intrusive::list<Task, boost::intrusive::base_hook<AutoUnlinkIdle>,
                           boost::intrusive::constant_time_size<false>>
        idle_;
};

/* When a task is to be refreshed whose oldest change not included is of `dirty_since`
 * (0: it is clean; INT64_MIN: nobody knows, so as if it were since its last refresh, and at once if there was
 * none). `spacing_us` is the longest pause of one that is refreshed on change. Nothing: not at all. What is
 * past due is due once, however many due times have gone by; what is remembered of a time later than `now` holds nothing up. */
std::optional<Microseconds> due_at(const Task &task, Microseconds dirty_since, Microseconds now,
                                   Microseconds spacing_us, const Zone &zone);

constexpr Microseconds longest_back_off_us = 600 * second_us;
/* Nothing signals when disk space or memory becomes available, so retry at this interval. */
constexpr Microseconds longest_wait_for_room_us = 60 * second_us;

/* How long after its n-th failure in a row a task waits: a second, doubled each time, at
 * most `longest_us`; less a part of up to a quarter that depends on the task, so that those that failed
 * together, by each other's locks perhaps, do not come back together. */
Microseconds back_off_us(Id id, int failures, Microseconds longest_us = longest_back_off_us);

} // namespace pgtrickle::scheduler
