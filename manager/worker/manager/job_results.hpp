/*
 * Applies the end of a job to the tasks, the holds and the requests that it concerns.
 *
 * Owns only what throttles share: it passes each part of a result to the object of the manager that it concerns. Called
 * by the Dispatcher, which receives results. Failures of a member are counted; it is postponed, in the end suspended,
 * and never stops the other members. C++ frames; runs no SQL.
 */
#pragma once

#include "scheduler/throttle.hpp"
#include "worker/manager/catalog_projection.hpp"
#include "worker/manager/hold_tracker.hpp"
#include "worker/manager/reader_requests.hpp"
#include "worker/manager/running_jobs.hpp"
#include "worker/manager/upkeep.hpp"

#include <optional>

namespace pgtrickle::worker {

class JobResults {
  public:
    JobResults(Definitions &definitions, Tasks &tasks, HoldTracker &holds, Upkeep &upkeep,
               CatalogProjection &projection, ReaderRequests &requests, RunningJobs &jobs)
        : definitions_(definitions), tasks_(tasks), holds_(holds), upkeep_(upkeep), projection_(projection),
          requests_(requests), jobs_(jobs)
    {
    }
    JobResults(const JobResults &) = delete;
    JobResults &operator=(const JobResults &) = delete;

    /* Records that the job has ended, and removes it from the running jobs. No result: its worker has
     * died. */
    void end(const RunningJob &job, const std::optional<scheduler::JobResult> &result);
    /* As end(), of a job that its process has not begun: its members are due at `due_at`. */
    void end_unbegun(const RunningJob &job, TimestampTz due_at);

  private:
    void record_in_throttles(const RunningJob &job, const scheduler::JobResult &result);
    void settle(scheduler::Id id, scheduler::MemberVerdict verdict, const scheduler::MemberResult *result);
    void record(scheduler::Task &task, const scheduler::MemberResult &result);
    void put_back(scheduler::Task &task, scheduler::MemberVerdict verdict);

    Definitions &definitions_;
    Tasks &tasks_;
    HoldTracker &holds_;
    Upkeep &upkeep_;
    CatalogProjection &projection_;
    ReaderRequests &requests_;
    RunningJobs &jobs_;
    scheduler::HotJobs hot_jobs_;
};

} // namespace pgtrickle::worker
