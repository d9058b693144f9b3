/*
 * The jobs that run now, in refresh workers or in this process itself.
 *
 * Owns the jobs, and which stream tables each of them occupies. The Dispatcher adds a job when it begins,
 * JobResults removes it when it has ended.
 *
 * Invariant: no stream table is occupied by two jobs. References are valid until remove(). C++ frames.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/job.hpp"
#include "worker/pool.hpp"

#include <list>
#include <map>

namespace pgtrickle::worker {

using Verdicts = std::map<scheduler::Id, scheduler::MemberVerdict>;

struct RunningJob {
    uint64_t number = 0; /* ascending in the order in which jobs begin */
    TimestampTz began_at = 0;
    scheduler::Job::Kind kind = scheduler::Job::Kind::refresh;
    int worker = no_worker; /* 0: this process */
    scheduler::Ids members;
    scheduler::Ids involved;
    scheduler::Ids occupied;                      /* subset of `involved` that no other job may refresh meanwhile */
    std::map<scheduler::Id, TimestampTz> pending; /* subset of `involved` that was not current when the job
                                                   * began, and since when; set only if readers wait */
    scheduler::Ids serves;                        /* requested stream tables downstream, which a later job refreshes */
    bool waits_for_locks = false;                 /* a lock that it needs was held when last tried, and may still be */
    int64_t commits = 0; /* transactions that changed the busiest source since a job last read it */
};

class RunningJobs {
  public:
    RunningJobs() = default;
    RunningJobs(const RunningJobs &) = delete;
    RunningJobs &operator=(const RunningJobs &) = delete;

    /* Adds the job and assigns its number. */
    const RunningJob &add(RunningJob job);
    void remove(uint64_t number);

    bool is_empty() const { return jobs_.empty(); }
    uint64_t last_number() const { return last_number_; }
    /* The job of a worker, or null. */
    const RunningJob *job_of_worker(int worker) const;
    /* The job that occupies a stream table, or null. */
    const RunningJob *job_occupying(scheduler::Id id) const;
    bool is_busy(scheduler::Id id) const { return busy_.count(id) != 0; }
    bool is_busy(const scheduler::Ids &ids) const;
    bool is_waiting_for_locks() const;

    /* Whether a job has been running for so long that a manager which is asked for room continues to
     * dispatch. Such a manager exits when its jobs have ended; an endless job prevents that, and the other
     * stream tables are refreshed meanwhile. */
    bool has_long_job(TimestampTz now) const;
    TimestampTz long_job_at() const; /* when has_long_job() becomes true; DT_NOEND if no job is running */

  private:
    std::list<RunningJob> jobs_;
    std::map<scheduler::Id, uint64_t> busy_; /* occupied stream tables, and the numbers of their jobs */
    uint64_t last_number_ = 0;
};

} // namespace pgtrickle::worker
