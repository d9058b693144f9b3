/*
 * Turns requests and due tasks into jobs.
 *
 *   requests, then due tasks ─► batch (batch_planner.hpp) ─► a free worker, preferably its own ─► job
 *   upkeep when nothing is due, but also when it is late: where refreshes do not keep up, logs grow most
 *
 * A reader's job overtakes due tasks. Where there is always a reader that waits, they take turns: after a reader's job,
 * a task that is late comes before the next one, among all jobs and among those of each owner.
 *
 * Two jobs run at the same time if nothing that one occupies (its members, and everything of their owner
 * that they read) is occupied by the other. An owner whose share of the workers is exhausted waits, and
 * others overtake it.
 *
 * Owns which worker each stream table prefers, which is the one that has its program compiled, and the time
 * up to which due tasks were examined. The loop calls it; it passes results on to JobResults. If no worker is
 * available, this process runs the job itself. C++ frames; outside of transactions.
 */
#pragma once

#include "worker/manager/batch_planner.hpp"
#include "worker/manager/job_results.hpp"
#include "worker/manager/reader_requests.hpp"
#include "worker/manager/running_jobs.hpp"
#include "worker/manager/upkeep.hpp"
#include "worker/pool.hpp"

#include <map>
#include <optional>
#include <set>

namespace pgtrickle::worker {

class Dispatcher {
  public:
    Dispatcher(Definitions &definitions, Tasks &tasks, BatchPlanner &planner, Upkeep &upkeep, ReaderRequests &requests,
               JobResults &results, RunningJobs &jobs, Pool &pool)
        : definitions_(definitions), tasks_(tasks), planner_(planner), upkeep_(upkeep), requests_(requests),
          results_(results), jobs_(jobs), pool_(pool)
    {
    }
    Dispatcher(const Dispatcher &) = delete;
    Dispatcher &operator=(const Dispatcher &) = delete;

    void take_results();
    void dispatch();
    /* Time at which dispatch() may begin a job that it could not begin at its last call; does not include
     * jobs that become possible by a result. */
    std::optional<TimestampTz> next_at() const;
    /* Time of the last dispatch(): what was due then and has not begun waits for an event, as a result or a turn. */
    TimestampTz dispatched_at() const { return dispatched_at_; }
    /* The clock was set back. */
    void forget_pauses() { dispatched_at_ = 0; }
    void forget(scheduler::Id id) { preferred_workers_.erase(id); }
    /* Whether this process is to be replaced: it has run code of one owner, and would have to run that of another, as
     * no worker can be started (code_of_owners.hpp). Running jobs, which end with it, are waited for, but not for ever.
     */
    bool has_to_be_replaced() const;

  private:
    bool dispatch_requested();
    bool dispatch_overtaken();
    bool dispatch_due();
    bool dispatch_due(scheduler::Id id, TimestampTz now, std::set<scheduler::Id> *seen);
    bool dispatch_upkeep();
    bool dispatch_batch(scheduler::Id id, const Wanted &wanted, std::set<scheduler::Id> *seen);
    bool dispatch_before(const scheduler::Ids &needed, const PlannedBatch &batch, const Wanted &wanted,
                         std::set<scheduler::Id> *seen);
    bool begin(const PlannedBatch &batch, const Wanted &wanted);
    void start(const Pool::Choice &choice, scheduler::Job job, RunningJob begun);
    void note_turn(scheduler::Id owner, bool is_for_reader);
    void run_here(const scheduler::Job &job, const RunningJob &running);
    scheduler::Job make_job(const scheduler::Ids &involved, const PlannedBatch &batch,
                            scheduler::RequestedBy requested_by);
    scheduler::Involved involved_of(scheduler::Id id);
    void queue_dependents(TimestampTz now);
    bool is_ready(scheduler::Task &task, TimestampTz now);
    bool waits_for_share(scheduler::Id id) const;
    bool was_locked(const scheduler::Ids &members) const;
    int preferred_worker_of(scheduler::Id id) const;
    int preferred_worker_of(const scheduler::Ids &members) const;
    int64_t count_commits(const scheduler::Ids &involved);

    Definitions &definitions_;
    Tasks &tasks_;
    BatchPlanner &planner_;
    Upkeep &upkeep_;
    ReaderRequests &requests_;
    JobResults &results_;
    RunningJobs &jobs_;
    Pool &pool_;
    std::map<scheduler::Id, int> preferred_workers_;
    TimestampTz wanted_since_ = 0;              /* another process in place of this one; 0: it is not */
    std::map<uint32_t, uint64_t> commits_read_; /* by slot: commits at the last job that read the source */
    TimestampTz dispatched_at_ = 0;
    bool was_for_reader_ = false;       /* the last refresh that began */
    std::set<scheduler::Id> served_;    /* owners whose last refresh that began was for a reader */
    TimestampTz no_longer_wait_at_ = 0; /* end of the first wait for other owners' stream tables; 0: none */
};

} // namespace pgtrickle::worker
