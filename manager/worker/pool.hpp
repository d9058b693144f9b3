/*
 * The refresh workers of a manager: background processes, each with two queues in a segment of shared memory
 * of its own, one for jobs and one for results.
 *
 * Workers are started when there is a backlog of jobs (scheduler/worker_affinity.hpp) and the mailbox admits
 * one (admit_new(), which limits their number in all databases). The last idle worker stays, because it has
 * its programs compiled; other idle workers exit after a short while, and all idle workers exit when some
 * process cannot be started. Workers that die before their first answer, as in a database that no longer
 * accepts connections, are started less and less often; the manager refreshes meanwhile, as it does where no process
 * could be started for a second. An idle worker whose manager has gone finds its queues detached and exits; a busy one
 * is terminated. A manager notices a dead worker in the same way.
 *
 * A worker serves the owner of its first job only (refresher/code_of_owners.hpp). An idle one of another owner is let
 * go where no other process can be started.
 *
 * Nothing here waits: what does not fit into a queue is sent when the worker has read. Owned by one manager.
 * C++ frames; outside of transactions.
 */
#pragma once

#include "mailbox/manager_side.hpp"
#include "scheduler/job.hpp"
#include "scheduler/worker_affinity.hpp"
#include "worker/transaction.hpp"

#include <list>
#include <optional>
#include <set>
#include <string>
#include <vector>

extern "C" {
struct dsm_segment;
struct shm_mq_handle;
struct BackgroundWorkerHandle;
}

namespace pgtrickle::worker {

struct PoolWorker {
    int number = 0; /* never used again for another worker */
    mailbox::WorkerKey key;
    dsm_segment *segment = nullptr;
    shm_mq_handle *jobs = nullptr;
    shm_mq_handle *results = nullptr;
    BackgroundWorkerHandle *handle = nullptr; /* in TopMemoryContext */
    std::string unsent;                       /* bytes of a job that are not in the queue yet */
    bool is_busy = false;                     /* it then has a handle */
    bool has_answered = false;                /* it was able to connect */
    TimestampTz since = 0;                    /* since when it has been busy, or idle */
    scheduler::Id owner = 0;                  /* of the stream tables of its current or last job; 0: upkeep */
    std::set<scheduler::Id> taken;            /* compiled here, and refreshed by other workers now */
};

constexpr int no_worker = 0;

class Pool {
  public:
    Pool() = default;
    ~Pool() { leave(); }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    /* Finds a worker for a job, given its preferred worker and the time since which it waits. If the job
     * waits for its preferred worker, attend_at() includes the time at which to look again. */
    scheduler::Assignment choose_worker(int preferred_worker, TimestampTz wanted_since, TimestampTz now,
                                        scheduler::Id owner);
    /* Outcome of choose(). `later`: it is not this database's turn, or no process is available, for this job
     * as for others; `its_own`: the job must wait for its preferred worker; `its_share`: it must wait until
     * its owner has fewer workers; `myself`: this process does the job. */
    enum class Chance { later, its_own, its_share, worker, myself };
    struct Choice {
        Chance chance = Chance::later;
        int worker = no_worker;
    };
    /* Finds a worker as choose_worker() does, requests a turn, and marks the worker as busy. `owner`: of the
     * stream tables that the job refreshes; 0: upkeep. */
    Choice choose(int preferred_worker, TimestampTz wanted_since, TimestampTz now, scheduler::Id owner);
    /* Begins a round of choices, which lasts until end_round(); each owner whose share is exhausted is
     * determined once in a round. */
    void begin_round() { exhausted_.clear(); }
    void end_round();
    bool is_share_exhausted(scheduler::Id owner) const { return exhausted_.count(owner) != 0; }
    void send(int worker, std::string bytes);
    /* Records that `worker` refreshes the members from now on, which `preferred_worker` refreshed until
     * now. */
    void move(const scheduler::Ids &members, int preferred_worker, int worker);
    /* Stream tables whose programs the worker has compiled and no longer needs, since the last call. */
    scheduler::Ids take_reassigned(int worker);
    /* Records that there is no job that needs a worker. */
    void want_no_worker();

    struct Ended {
        int worker;
        std::optional<std::string> result; /* none: the worker is gone, and the outcome unknown */
        bool has_declined = false;         /* the worker is gone, and has not begun the job */
    };
    /* Returns the jobs that have ended since the last call; also sends pending bytes, and lets workers go
     * that are not needed. */
    std::vector<Ended> attend(TimestampTz now);
    /* Ends the turn of this process, after a job for which choose() returned `myself`. */
    void end_own_turn();

    int pid_of(int worker) const;
    /* Terminates busy workers because the manager exits, for whatever reason: otherwise the next manager
     * would wait for the locks of a refresh that is no longer needed. Calls nothing that may fail. */
    void leave() noexcept;
    /* Time at which attend() or choose() may have something new to do without any event. */
    std::optional<TimestampTz> attend_at() const;

  private:
    PoolWorker *find(int worker);
    void note_start(bool has_succeeded, TimestampTz now);
    std::optional<int> start(const mailbox::WorkerKey &key, TimestampTz now);
    bool launch(PoolWorker &worker);
    Choice choose_beyond_workers(const mailbox::Turn &turn, TimestampTz now);
    Choice refused(mailbox::Admission admission, scheduler::Id owner);
    Choice await_share(scheduler::Id owner);
    bool is_stuck(TimestampTz now) const;
    bool has_worker(scheduler::Id owner) const;
    bool is_left_to_workers(scheduler::Id owner) const;
    void send_on(PoolWorker &worker);
    void wake_for_first_job(const PoolWorker &worker);
    bool receive(PoolWorker &worker, TimestampTz now, std::vector<Ended> &ended);
    void let_go(PoolWorker &worker);
    void release_idle(TimestampTz now);
    bool makes_room(scheduler::Id owner, TimestampTz now);
    bool is_short_for_a_moment(TimestampTz now);
    void start_again_at(TimestampTz at);

    std::list<PoolWorker> workers_;
    std::vector<BackgroundWorkerHandle *> leaving_; /* workers that were let go to make room */
    TimestampTz left_at_ = 0;                       /* when the last of these was let go */
    mailbox::WorkerKey own_turn_;
    int last_number_ = no_worker;
    TimestampTz start_after_ = 0;       /* a process could not be started: no further attempt before this time */
    int failed_starts_ = 0;             /* in a row; each of them is in the server's log */
    TimestampTz short_since_ = 0;       /* since when no process could be started; 0: the last one was */
    TimestampTz look_at_ = 0;           /* for a job that waits for its preferred worker; 0: none */
    TimestampTz release_at_ = 0;        /* time to let the first idle worker go that is not needed; 0: none */
    bool is_waiting_ = false;           /* for a turn */
    std::set<scheduler::Id> exhausted_; /* owners for whose share a job waits, in this round */
};

} // namespace pgtrickle::worker
