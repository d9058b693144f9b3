/*
 * Requests of readers that wait for a refresh.
 *
 * Requests are taken at once, served by jobs, and answered when the last of their stream tables has been
 * refreshed by a job that began after the request came and that applied the changes of all upstreams: each
 * upstream was refreshed by the job as well, or had nothing pending when the job began. A job for due stream
 * tables reads upstreams with own schedules as they stand and hence may not answer the request; the reader's
 * own job follows.
 *
 * Owns the requests that are not answered yet. The loop has them taken and answered; the Dispatcher queries
 * what they request, and JobResults reports how jobs ended. C++ frames; runs no SQL.
 */
#pragma once

#include "mailbox/manager_side.hpp"
#include "worker/manager/batch_planner.hpp"
#include "worker/manager/hold_tracker.hpp"
#include "worker/manager/running_jobs.hpp"

#include <list>
#include <set>

namespace pgtrickle::worker {

class ReaderRequests {
  public:
    ReaderRequests(Definitions &definitions, Tasks &tasks, const HoldTracker &holds, BatchPlanner &planner,
                   const RunningJobs &jobs, const Pool &pool)
        : definitions_(definitions), tasks_(tasks), holds_(holds), planner_(planner), jobs_(jobs), pool_(pool)
    {
    }
    ReaderRequests(const ReaderRequests &) = delete;
    ReaderRequests &operator=(const ReaderRequests &) = delete;

    bool is_empty() const { return pending_.empty(); }
    void take();
    /* Answers the requests that can be answered now, and removes those for which no session waits. */
    void settle();
    /* Called when pg_trickle.enabled is off. */
    void refuse_all();

    /* The stream tables that readers wait for, in the order of the requests. */
    scheduler::Ids wanted() const;
    TimestampTz wanted_since(scheduler::Id id) const;

    void resolve_by(const RunningJob &job, const Verdicts &verdicts);
    /* Publishes in the mailbox the processes that each reader waits for: those that run a job which involves
     * the requested stream tables, either the job that serves the request or one that must end before. */
    void publish_serving_processes() const;

  private:
    /* A request that is not answered yet. Only jobs that began after it came can answer it. */
    struct PendingRequest {
        mailbox::Request request;
        TimestampTz came_at = 0;
        uint64_t came_after = 0;      /* number of the last job that had begun */
        std::set<scheduler::Id> open; /* stream tables that were not refreshed since */
        mailbox::Reply reply = {mailbox::Answer::done, InvalidOid};
    };
    mailbox::Reply inactive(scheduler::Id culprit, const scheduler::Ids &involved, mailbox::Answer answer) const;
    mailbox::Reply obstacle(scheduler::Id id, TimestampTz now);
    void resolve(PendingRequest &pending, scheduler::Id id, mailbox::Answer answer, scheduler::Id culprit);
    void resolve_served(PendingRequest &pending, const RunningJob &job, const Verdicts &verdicts);
    bool lacks_anything(const RunningJob &job, const Verdicts &verdicts, scheduler::Id id, TimestampTz before) const;

    Definitions &definitions_;
    Tasks &tasks_;
    const HoldTracker &holds_;
    BatchPlanner &planner_;
    const RunningJobs &jobs_;
    const Pool &pool_;
    std::list<PendingRequest> pending_;
};

} // namespace pgtrickle::worker
