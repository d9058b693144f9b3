/*
 * Which stream tables a job refreshes together, and what a job of one owner does about the stream tables of others.
 *
 * A job refreshes a batch: due stream tables that are connected, those of their schedule that are connected to them
 * (scheduler/graph/refresh_batch.hpp), and with any of these the upstreams that have no schedule of their own, and
 * atomic sets as a whole. A reader's job refreshes all upstreams.
 *
 * All of it is of one party (scheduler/share.hpp), and a job keeps no other job from refreshing what it reads of others: its
 * refresh holds no lock on these that their refresh waits for. So an endless query stops its own stream table and
 * those of its owner upstream and downstream, and no others. A stream table of another owner that is to be refreshed with one
 * that is due is refreshed by a job of its own before it. A reader's request waits for that job; what is due waits for a moment
 * and then reads the other one as it stands, as the other owner could stop it otherwise. A stream table that was never
 * filled is waited for without a limit: the refresh would fill it in its own transaction.
 *
 * Owns nothing: it looks at definitions and tasks, and changes neither. Called by the Dispatcher and ReaderRequests. C++ frames.
 */
#pragma once

#include "scheduler/graph/requested_by.hpp"
#include "worker/manager/definitions.hpp"
#include "worker/manager/tasks.hpp"

#include <functional>
#include <set>

namespace pgtrickle::worker {

/* What is to be refreshed, and why. */
struct Wanted {
    TimestampTz since;
    std::function<bool(scheduler::Task &)> is_wanted;
    scheduler::RequestedBy requested_by;
    scheduler::Ids serves; /* as in RunningJob */
};

struct Batch {
    scheduler::Ids members; /* upstreams first */
    std::set<scheduler::Id> requested, optional; /* of these; the others are required */
};

/* What has failed or is suspended and has to be refreshed with a stream table. */
struct Trouble {
    scheduler::Id culprit = 0;
    bool is_suspended = false;
    TimestampTz until = 0; /* 0: there is none */
};

class BatchPlanner {
  public:
    BatchPlanner(const Definitions &definitions, Tasks &tasks) : definitions_(definitions), tasks_(tasks) {}
    BatchPlanner(const BatchPlanner &) = delete;
    BatchPlanner &operator=(const BatchPlanner &) = delete;

    /* The batch of `id`, which is wanted. Adds to `seen` what was looked at as a part of it. */
    Batch plan(scheduler::Id id, const Wanted &wanted, std::set<scheduler::Id> *seen);
    Trouble trouble_of(scheduler::Id id, scheduler::RequestedBy requested_by);
    /* The stream tables of other owners that are to be refreshed before the members. `is_waiting` is set if only a moment is
     * waited for them, until wait_until(). */
    scheduler::Ids needed_before(const scheduler::Ids &members, const Wanted &wanted, bool *is_waiting);
    static TimestampTz wait_until(const Wanted &wanted, TimestampTz now);
    /* The members, which are the first of those involved, and the upstreams of the same owners. */
    scheduler::Ids occupied_by(const scheduler::Ids &members, const scheduler::Ids &involved) const;
    /* The refresh groups of the members: of each, those that are refreshed or stay for a reason that lasts: not one that is
     * being refreshed, nor one that is yet to be read. */
    std::vector<scheduler::Ids> refresh_groups_of(const scheduler::Ids &members);

  private:
    scheduler::Ids with_required(const scheduler::Ids &members, scheduler::RequestedBy requested_by,
                                 const scheduler::Ids *owners = nullptr);
    scheduler::Ids without_others_between(scheduler::Id start, scheduler::Ids batch) const;

    const Definitions &definitions_;
    Tasks &tasks_;
};

} // namespace pgtrickle::worker
