/*
 * The jobs that refresh workers do now, or this process itself.
 *
 * Owns the jobs, and which stream tables they keep other jobs from. The Dispatcher adds a job when it begins, JobResults removes
 * it when it has ended.
 *
 * Invariant: no stream table is occupied by two jobs. References stay good until remove(). C++ frames.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/job.hpp"
#include "worker/pool.hpp"

#include <list>
#include <map>

namespace pgtrickle::worker {

using Verdicts = std::map<scheduler::Id, scheduler::Verdict>;

struct RunningJob {
    uint64_t number = 0; /* ascending in the order of their begins */
    TimestampTz began_at = 0;
    scheduler::Job::Kind kind = scheduler::Job::Kind::refresh;
    int worker = nobody; /* this process, for nobody */
    scheduler::Ids members;
    scheduler::Ids involved;
    scheduler::Ids occupied; /* of those, what no other job may refresh meanwhile */
    std::map<scheduler::Id, TimestampTz> pending; /* those involved that were not current at its begin, and since when; for readers only */
    scheduler::Ids serves; /* what readers have asked for that reads the members; a later job refreshes it */
    bool waits_for_locks = false; /* something it needs was locked when last tried, and may be so still */
    int64_t commits = 0; /* of a source since it was last read for a job; of the busiest one */
};

class RunningJobs {
  public:
    RunningJobs() = default;
    RunningJobs(const RunningJobs &) = delete;
    RunningJobs &operator=(const RunningJobs &) = delete;

    /* Gives it its number. */
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

    /* A manager that is asked for its place leaves when its jobs are done. An endless one keeps it, and the other
     * stream tables are refreshed meanwhile. */
    bool is_held_up(TimestampTz now) const;
    TimestampTz held_up_at() const; /* when it is; DT_NOEND: never, as things are */

  private:
    std::list<RunningJob> jobs_;
    std::map<scheduler::Id, uint64_t> busy_; /* what jobs occupy, and which of them */
    uint64_t last_number_ = 0;
};

} // namespace pgtrickle::worker
