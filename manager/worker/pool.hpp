/*
 * The refresh workers of a manager: background processes, each with two queues in a
 * segment of shared memory of its own, jobs in, results out.
 *
 * They are started when there is a backlog of jobs (scheduler/affinity), as long as it is this
 * database's turn (mailbox: admit), and `limit` at most. The last idle one stays, because it has
 * its programs compiled; others leave after a short while; and all idle ones do when somebody
 * cannot start a process. Those that die before their first answer, as where a database takes no connections any more,
 * are started less and less often; the manager refreshes meanwhile. An idle worker whose manager is gone finds its queues detached and leaves;
 * a busy one is terminated. A manager sees a dead worker in the same way.
 *
 * Nothing here waits: what does not fit into a queue is sent on when the worker has read. Owned by one
 * manager. C++ frames; outside of transactions.
 */
#pragma once

#include "mailbox/manager_side.hpp"
#include "scheduler/worker_affinity.hpp"
#include "scheduler/job.hpp"
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
    int number = 0; /* never given twice */
    mailbox::WorkerKey key;
    dsm_segment *segment = nullptr;
    shm_mq_handle *jobs = nullptr;
    shm_mq_handle *results = nullptr;
    BackgroundWorkerHandle *handle = nullptr; /* in TopMemoryContext */
    std::string unsent;                       /* bytes of a job that are not in the queue yet */
    bool is_busy = false;                     /* then it has a handle */
    bool has_answered = false; /* it could connect */
    TimestampTz since = 0; /* it has been busy, or idle */
    scheduler::Ids owners; /* of what it does, or did last */
    std::set<scheduler::Id> taken; /* what it has compiled and others do now */
};

constexpr int nobody = 0;

class Pool {
  public:
    Pool() = default;
    ~Pool() { leave(); }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    /* Picks a worker for a job, given its preferred worker and since when it waits. A job that waits for its own worker is
     * looked at again: see attend_at(). */
    scheduler::Assignment look_for(int preferred_worker, TimestampTz wanted_since, TimestampTz now);
    /* The same, and that one is busy from now on; its turn has begun. `its_own`: it is to wait for its preferred worker;
     * `its_share`: until its owners have fewer workers; `later`: it is not this database's turn, or no process can be had, for
     * this job as for others. */
    enum class Chance { later, its_own, its_share, worker, myself };
    struct Choice {
        Chance chance = Chance::later;
        int worker = nobody;
    };
    /* `owners`: of what the job refreshes. */
    Choice choose(int preferred_worker, TimestampTz wanted_since, TimestampTz now, const scheduler::Ids &owners);
    /* Between the two each owner whose share is exhausted is found once. */
    void begin_round()
    {
        exhausted_.clear();
        awaited_.clear();
    }
    void end_round();
    bool is_share_exhausted(scheduler::Id owner) const { return exhausted_.count(owner) != 0; }
    void send(int worker, std::string bytes);
    /* The members are done by `worker` now, and were by `preferred_worker` so far. */
    void move(const scheduler::Ids &members, int preferred_worker, int worker);
    /* What the worker has compiled for nothing, since the last call. */
    scheduler::Ids take_forgotten(int worker);
    /* There is nothing to choose anybody for. */
    void want_nobody();

    /* What a worker refreshed that took too long, could not be canceled, and was terminated. */
    struct Overrun {
        scheduler::Id first;
        int count; /* together with that */
    };
    struct Ended {
        int worker;
        std::optional<std::string> result; /* none: it is gone, and what became of its job is not known */
        std::optional<Overrun> overrun = {};
    };
    /* What has come since the last call; also sends on, and lets go who is not needed. */
    std::vector<Ended> attend(TimestampTz now);
    /* This process has done what it was chosen for. */
    void end_own_turn();

    int pid_of(int worker) const;
    /* The manager goes, whatever the reason: a refresh that nobody waits for any more is broken off, or the next
     * manager would wait for its locks. Calls nothing that may fail. */
    void leave() noexcept;
    /* When attend() or choose() would do something new by itself. */
    std::optional<TimestampTz> attend_at() const;

  private:
    PoolWorker *find(int worker);
    void note_start(bool has_succeeded, TimestampTz now);
    std::optional<int> start(const mailbox::WorkerKey &key, TimestampTz now);
    bool launch(PoolWorker &worker);
    Choice refused(mailbox::Admission admission, const scheduler::Ids &owners);
    Choice await_share(const scheduler::Ids &owners);
    bool is_stuck(TimestampTz now) const;
    bool has_worker(const scheduler::Ids &owners) const;
    void send_on(PoolWorker &worker);
    void let_go(PoolWorker &worker);
    void let_idle_go(TimestampTz now);

    std::list<PoolWorker> workers_;
    mailbox::WorkerKey own_turn_;
    int last_number_ = nobody;
    TimestampTz start_after_ = 0; /* no process could be started: not before */
    int failed_starts_ = 0;       /* in a row, each of which is in the server's log */
    TimestampTz look_at_ = 0;     /* a job that waits for its preferred worker, 0: none */
    TimestampTz let_go_at_ = 0;   /* the first idle one that is not needed, 0: none */
    bool is_waiting_ = false;     /* for a turn */
    /* In this round: owners whose share is exhausted, and the owners of all jobs that wait for a share. */
    std::set<scheduler::Id> exhausted_, awaited_;
};

} // namespace pgtrickle::worker
