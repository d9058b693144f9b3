/*
 * Decides which stream tables a job refreshes together, and what a job of one owner does about stream tables
 * of other owners.
 *
 * A job refreshes a batch: due stream tables that are connected, those of their schedule that are connected
 * to them (scheduler/graph/refresh_batch.hpp), and with any of these the upstreams that have no schedule of
 * their own, and atomic sets as a whole. A reader's job refreshes all upstreams.
 *
 * All members are of one owner, and a job prevents no other job from refreshing the
 * stream tables of other owners that it reads: its refresh holds no lock on them for which their refresh
 * would wait. An endless query therefore blocks its own stream table and those of its owner upstream and
 * downstream, and no others. A stream table of another owner that must be refreshed with a due one is
 * refreshed by a job of its own before. A reader's request waits for that job; a due stream table waits for a
 * moment and then reads the other one as it stands, since otherwise the other owner could block it. For a
 * stream table that was never filled there is no limit: the refresh would fill it in its own transaction.
 *
 * Owns nothing: it reads definitions and tasks, and changes neither. Called by the Dispatcher and
 * ReaderRequests. C++ frames.
 */
#pragma once

#include "scheduler/graph/requested_by.hpp"
#include "worker/manager/definitions.hpp"
#include "worker/manager/tasks.hpp"

#include <functional>
#include <set>

namespace pgtrickle::worker {

/* Selects what must be refreshed, and why. */
struct Wanted {
    TimestampTz since;
    std::function<bool(scheduler::Task &)> is_wanted;
    scheduler::RequestedBy requested_by;
    scheduler::Ids serves; /* as in RunningJob */
    /* Stream tables that come before a released one, whatever their schedules are (Tasks::needed_by_released()). */
    std::set<scheduler::Id> for_released = {};
};

struct PlannedBatch {
    scheduler::Id owner = 0;                     /* of all members */
    scheduler::Ids members;                      /* upstreams first */
    std::set<scheduler::Id> requested, optional; /* subsets of the members; the others are required */
    std::set<scheduler::Id> for_released;        /* as in Wanted */
};

/* A stream table that must be refreshed with another one, and has failed or is suspended. */
struct Trouble {
    scheduler::Id culprit = 0;
    bool is_suspended = false;
    TimestampTz until = 0; /* 0: there is no trouble */
};

class BatchPlanner {
  public:
    BatchPlanner(const Definitions &definitions, Tasks &tasks) : definitions_(definitions), tasks_(tasks) {}
    BatchPlanner(const BatchPlanner &) = delete;
    BatchPlanner &operator=(const BatchPlanner &) = delete;

    /* The batch of `id`, which is wanted. Adds the members that were considered to `seen`. */
    PlannedBatch plan(scheduler::Id id, const Wanted &wanted, std::set<scheduler::Id> *seen);
    Trouble trouble_of(scheduler::Id id, scheduler::RequestedBy requested_by);
    /* The stream tables of other owners that must be refreshed before the members. Sets `is_waiting` if the
     * members wait for them for a moment only, until wait_until(). */
    scheduler::Ids needed_before(const PlannedBatch &batch, const Wanted &wanted, bool *is_waiting);
    static TimestampTz wait_until(const Wanted &wanted, TimestampTz now);
    /* The members, which are the first of `involved`, and the upstreams that have the same owner. */
    scheduler::Ids occupied_by(const PlannedBatch &batch, const scheduler::Ids &involved) const;
    /* The refresh groups of the members: in each, the stream tables that are refreshed, or that are not
     * refreshed for a reason that lasts; without those that are being refreshed and those whose definitions
     * have not been read yet. */
    std::vector<scheduler::Ids> refresh_groups_of(const scheduler::Ids &members);

  private:
    scheduler::Ids with_required(const scheduler::Ids &members, scheduler::RequestedBy requested_by,
                                 scheduler::Id owner = 0, std::set<scheduler::Id> for_released = {});
    scheduler::Ids missing_of_groups(const scheduler::Ids &members, scheduler::Id owner,
                                     const std::function<bool(const scheduler::Task &)> &is_free);
    scheduler::Ids without_others_between(scheduler::Id start, scheduler::Ids batch) const;
    bool waits_for_member(scheduler::Id id, const scheduler::Ids &members);

    const Definitions &definitions_;
    Tasks &tasks_;
};

} // namespace pgtrickle::worker
