#include "worker/pool.hpp"

#include "definition/guc.hpp"
#include "mailbox/process_end.hpp"
#include "scheduler/share.hpp"
#include "scheduler/time/pause.hpp"
#include "worker/queues.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
}

#include <algorithm>
#include <utility>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;

namespace {

/* The pool of this process, for its exit: the process may end without leaving run(). */
Pool *own_pool = nullptr;

extern "C" void pgtrickle_pool_leaves(int, Datum)
{
    if (own_pool != nullptr)
        own_pool->leave();
}

constexpr TimestampTz idle_stay_us = 5'000'000;            /* of a worker that is not the last one */
constexpr TimestampTz start_pause_us = 1'000'000;          /* after a process could not be started */
constexpr TimestampTz longest_start_pause_us = 64'000'000; /* after several failures in a row */
constexpr TimestampTz stuck_after_us = 1'000'000;
constexpr TimestampTz longest_leave_us = 2'000'000; /* of a worker that was let go to make room */
constexpr TimestampTz leave_pause_us = 5'000;
constexpr TimestampTz short_shortage_us = 1'000'000; /* before this process stands in */
constexpr TimestampTz shortage_pause_us = 20'000;
constexpr TimestampTz turn_pause_us = 250'000;    /* in case a wake-up for a turn does not arrive */
constexpr TimestampTz share_pause_us = 1'000'000; /* in case a wake-up for a share does not arrive */

mailbox::Turn turn_for(Id owner)
{
    mailbox::Turn turn;
    turn.limit = guc::max_concurrent_refreshes;
    turn.owner_limit = scheduler::share_of(guc::max_workers_per_owner, turn.limit);
    turn.owner = owner;
    return turn;
}

/* Whether the worker has run code of another owner than that of the job; upkeep, which has none, runs no such code. */
bool has_code_of_another(const PoolWorker &worker, Id owner)
{
    const Id other = last_words(worker.segment)->owner;
    return owner != 0 && other != 0 && other != owner;
}

} // namespace

PoolWorker *Pool::find(int worker)
{
    auto found = std::find_if(workers_.begin(), workers_.end(), [=](auto &other) { return other.number == worker; });
    return found == workers_.end() ? nullptr : &*found;
}

scheduler::Assignment Pool::choose_worker(int preferred_worker, TimestampTz wanted_since, TimestampTz now, Id owner)
{
    std::vector<scheduler::WorkerStatus> workers;
    for (const PoolWorker &worker : workers_)
        if (!has_code_of_another(worker, owner))
            workers.push_back({worker.number, worker.is_busy, worker.since});
    scheduler::Assignment assignment = scheduler::assign(workers, preferred_worker, wanted_since, now);
    if (assignment.to == scheduler::Assignment::To::later && (look_at_ == 0 || assignment.until < look_at_))
        look_at_ = assignment.until;
    return assignment;
}

/* Whether all workers are busy, and none is expected to be free soon. */
bool Pool::is_stuck(TimestampTz now) const
{
    return !workers_.empty() && std::all_of(workers_.begin(), workers_.end(), [=](const PoolWorker &worker) {
        return worker.is_busy && !scheduler::is_pausing(now, worker.since, stuck_after_us);
    });
}

bool Pool::has_worker(Id owner) const
{
    return owner != 0 && std::any_of(workers_.begin(), workers_.end(),
                                     [=](const PoolWorker &worker) { return worker.is_busy && worker.owner == owner; });
}

/* Whether this process does no job of the owner itself. */
bool Pool::is_left_to_workers(Id owner) const
{
    return has_worker(owner) || mailbox::has_ended_process(owner);
}

Pool::Choice Pool::refused(mailbox::Admission admission, Id owner)
{
    is_waiting_ = admission == mailbox::Admission::not_its_turn;
    return is_waiting_ ? Choice{} : await_share(owner);
}

Pool::Choice Pool::await_share(Id owner)
{
    exhausted_.insert(owner);
    return {Chance::its_share, no_worker};
}

void Pool::end_round()
{
    if (exhausted_.count(mailbox::awaited_share()) == 0)
        mailbox::stop_waiting_for_share();
}

Pool::Choice Pool::choose(int preferred_worker, TimestampTz wanted_since, TimestampTz now, Id owner)
{
    const mailbox::Turn turn = turn_for(owner);
    is_waiting_ = false;
    const scheduler::Assignment assignment = choose_worker(preferred_worker, wanted_since, now, owner);
    if (assignment.to == scheduler::Assignment::To::later)
        return {Chance::its_own, no_worker};
    if (assignment.to == scheduler::Assignment::To::worker) {
        PoolWorker *worker = find(assignment.number);
        if (mailbox::Admission admission = mailbox::admit(worker->key, turn); admission != mailbox::Admission::admitted)
            return refused(admission, owner);
        worker->is_busy = true;
        worker->since = now;
        worker->owner = owner;
        return {Chance::worker, worker->number};
    }
    return choose_beyond_workers(turn, now);
}

/* Starts a worker for a job for which no worker is free; or this process does the job, or it waits. */
Pool::Choice Pool::choose_beyond_workers(const mailbox::Turn &turn, TimestampTz now)
{
    const Id owner = turn.owner;
    /* The second condition: the clock has been set back. */
    bool can_start = now >= start_after_ || start_after_ > now + longest_start_pause_us;
    /* If no worker can be started and the existing ones do not end their jobs, this process refreshes for
     * owners that have no worker. */
    const bool is_to_stand_in = workers_.empty() || is_stuck(now);
    if (!can_start && makes_room(owner, now))
        return {Chance::its_own, no_worker};
    if (!can_start && !is_to_stand_in)
        return {};
    if (!can_start && is_left_to_workers(owner))
        return await_share(owner);
    mailbox::WorkerKey key;
    if (mailbox::Admission admission = mailbox::admit_new(turn, &key); admission != mailbox::Admission::admitted) {
        if (admission != mailbox::Admission::not_its_share)
            (void)makes_room(owner, now);
        return refused(admission, owner);
    }
    if (can_start) {
        if (std::optional<int> started = start(key, now)) {
            find(*started)->owner = owner;
            mailbox::set_process_shortage(false);
            short_since_ = 0;
            return {Chance::worker, *started};
        }
        mailbox::set_process_shortage(true);
        if (makes_room(owner, now) || (workers_.empty() && is_short_for_a_moment(now))) {
            mailbox::forget_worker(key);
            return {Chance::its_own, no_worker};
        }
    }
    if (!is_to_stand_in || is_left_to_workers(owner)) {
        mailbox::forget_worker(key);
        return is_to_stand_in ? await_share(owner) : Choice{};
    }
    own_turn_ = key;
    mailbox::stand_in(key);
    return {Chance::myself, no_worker};
}

void Pool::want_no_worker()
{
    is_waiting_ = false;
    mailbox::stop_waiting_for_turn();
    mailbox::set_process_shortage(false);
}

void Pool::end_own_turn()
{
    mailbox::forget_worker(own_turn_);
    own_turn_ = {};
}

/* After the first failure another worker is tried at once: the first one may have been terminated by an
 * administrator. */
void Pool::note_start(bool has_succeeded, TimestampTz now)
{
    failed_starts_ = has_succeeded ? 0 : failed_starts_ + 1;
    if (failed_starts_ > 1)
        start_after_ = now + std::min(start_pause_us << std::min(failed_starts_ - 2, 6), longest_start_pause_us);
}

void Pool::leave() noexcept
{
    for (const PoolWorker &worker : workers_)
        if (worker.is_busy)
            TerminateBackgroundWorker(worker.handle);
    own_pool = nullptr;
}

/* Returns nothing if there is no room for another process, or no shared memory. */
std::optional<int> Pool::start(const mailbox::WorkerKey &key, TimestampTz now)
{
    if (own_pool == nullptr) {
        own_pool = this;
        call([] { before_shmem_exit(pgtrickle_pool_leaves, 0); });
    }
    workers_.emplace_back();
    PoolWorker &worker = workers_.back();
    worker.number = ++last_number_;
    worker.key = key;
    worker.since = now;
    bool is_started = false;
    std::optional<TransactionFailure> failure = in_transaction([&] { is_started = launch(worker); });
    worker.is_busy = !failure && is_started;
    if (worker.is_busy)
        return worker.number;
    if (is_started)
        let_go(worker);
    workers_.pop_back();
    start_after_ = now + start_pause_us;
    if (failure) {
        note_start(false, now);
        call([&] {
            ereport(LOG, (errmsg("pg_trickle could not start a refresh worker: %s", failure->message.c_str())));
        });
    }
    return std::nullopt;
}

/* In a transaction, whose abort releases the segment. */
bool Pool::launch(PoolWorker &worker)
{
    const WorkerStart start = {MyDatabaseId, worker.key.slot, worker.key.generation};
    return call([&] {
        MemoryContextSwitchTo(TopMemoryContext);
        dsm_segment *segment = dsm_create(segment_bytes, 0);
        shm_mq *jobs = shm_mq_create(job_queue(segment), queue_bytes);
        shm_mq *results = shm_mq_create(result_queue(segment), queue_bytes);
        shm_mq_set_sender(jobs, MyProc);
        shm_mq_set_receiver(results, MyProc);
        BackgroundWorker process = {};
        process.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
        process.bgw_start_time = BgWorkerStart_RecoveryFinished;
        process.bgw_restart_time = BGW_NEVER_RESTART;
        process.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
        process.bgw_notify_pid = MyProcPid;
        static_assert(sizeof(start) <= BGW_EXTRALEN);
        memcpy(process.bgw_extra, &start, sizeof(start));
        strlcpy(process.bgw_library_name, "pg_trickle", BGW_MAXLEN);
        strlcpy(process.bgw_function_name, "pgtrickle_refresh_worker_main", BGW_MAXLEN);
        strlcpy(process.bgw_name, "pg_trickle refresh worker", BGW_MAXLEN);
        strlcpy(process.bgw_type, mailbox::process_type::refresh_worker, BGW_MAXLEN);
        BackgroundWorkerHandle *handle = nullptr;
        if (!RegisterDynamicBackgroundWorker(&process, &handle)) {
            dsm_detach(segment);
            return false;
        }
        dsm_pin_mapping(segment);
        worker.handle = handle;
        new (last_words(segment)) WorkerReport{};
        worker.segment = segment;
        worker.jobs = shm_mq_attach(jobs, segment, handle);
        worker.results = shm_mq_attach(results, segment, handle);
        return true;
    });
}

void Pool::send(int worker, std::string bytes)
{
    PoolWorker *receiver = find(worker);
    receiver->unsent = std::move(bytes);
    send_on(*receiver);
}

void Pool::move(const Ids &members, int preferred_worker, int worker)
{
    PoolWorker *before = preferred_worker == worker ? nullptr : find(preferred_worker), *from_now_on = find(worker);
    if (before != nullptr)
        before->taken.insert(members.begin(), members.end());
    if (from_now_on != nullptr)
        for (Id member : members)
            from_now_on->taken.erase(member);
}

Ids Pool::take_reassigned(int worker)
{
    std::set<Id> taken;
    std::swap(taken, find(worker)->taken);
    return {taken.begin(), taken.end()};
}

/* Where a worker attaches its queue while its first job is sent, shm_mq_send() has read that there is no receiver to
 * wake, and the worker may find the queue empty before the job is in it. As it attaches, it wakes this process. */
void Pool::wake_for_first_job(const PoolWorker &worker)
{
    if (worker.has_answered)
        return;
    if (PGPROC *receiver = call([&] { return shm_mq_get_receiver(job_queue(worker.segment)); }))
        call([=] { SetLatch(&receiver->procLatch); });
}

/* If the worker is gone, attend() notices it. */
void Pool::send_on(PoolWorker &worker)
{
    if (worker.unsent.empty())
        return;
    shm_mq_result sent =
        call([&] { return shm_mq_send(worker.jobs, worker.unsent.size(), worker.unsent.data(), true, true); });
    if (sent != SHM_MQ_WOULD_BLOCK)
        worker.unsent.clear();
}

/* Detaches the worker's queues: it exits when it has finished its job. */
void Pool::let_go(PoolWorker &worker)
{
    call([&] {
        shm_mq_detach(worker.jobs);
        shm_mq_detach(worker.results);
        dsm_detach(worker.segment);
        if (worker.handle != nullptr)
            pfree(worker.handle);
    });
}

/* Takes all that the worker has sent: no event follows what stays in the queue. Returns false if the worker is gone. */
bool Pool::receive(PoolWorker &worker, TimestampTz now, std::vector<Ended> &ended)
{
    for (;;) {
        Size size = 0;
        void *data = nullptr;
        shm_mq_result received = call([&] { return shm_mq_receive(worker.results, &size, &data, true); });
        if (received != SHM_MQ_SUCCESS)
            return received == SHM_MQ_WOULD_BLOCK;
        const char *answer = static_cast<char *>(data);
        if (*answer != has_placed)
            ended.push_back({worker.number, std::string(answer + 1, size - 1)});
        if (!std::exchange(worker.has_answered, true))
            note_start(true, now);
        if (*answer != result_before_placing) {
            worker.is_busy = false;
            worker.since = now;
            mailbox::end_turn(worker.key);
        }
    }
}

std::vector<Pool::Ended> Pool::attend(TimestampTz now)
{
    std::vector<Ended> ended;
    look_at_ = 0; /* jobs that still wait set it again */
    for (auto worker = workers_.begin(); worker != workers_.end();) {
        send_on(*worker);
        wake_for_first_job(*worker);
        if (!receive(*worker, now, ended)) {
            if (worker->is_busy)
                ended.push_back({worker->number, std::nullopt, last_words(worker->segment)->has_declined != 0});
            if (!worker->has_answered && last_words(worker->segment)->owner == 0) /* otherwise it had begun its job */
                note_start(false, now);
            mailbox::forget_worker(worker->key);
            let_go(*worker);
            worker = workers_.erase(worker);
            continue;
        }
        ++worker;
    }
    release_idle(now);
    return ended;
}

/* A worker that exits frees its slot itself. */
void Pool::release_idle(TimestampTz now)
{
    release_at_ = 0;
    bool is_lacked = mailbox::is_process_short();
    for (auto worker = workers_.begin(); worker != workers_.end();) {
        bool is_needless = is_lacked || (workers_.size() > 1 && now >= worker->since + idle_stay_us);
        if (worker->is_busy) {
            ++worker;
        } else if (is_needless) {
            let_go(*worker);
            worker = workers_.erase(worker);
        } else {
            if (workers_.size() > 1 && (release_at_ == 0 || worker->since + idle_stay_us < release_at_))
                release_at_ = worker->since + idle_stay_us;
            ++worker;
        }
    }
}

/* Lets an idle worker go that serves another owner. Returns whether one is still going, so that the process of another
 * one may be started soon. */
bool Pool::makes_room(Id owner, TimestampTz now)
{
    const auto found = std::find_if(workers_.begin(), workers_.end(), [&](const PoolWorker &worker) {
        return !worker.is_busy && has_code_of_another(worker, owner);
    });
    if (found != workers_.end()) {
        leaving_.push_back(std::exchange(found->handle, nullptr));
        left_at_ = now;
        let_go(*found);
        workers_.erase(found);
    }
    leaving_.erase(std::remove_if(leaving_.begin(), leaving_.end(),
                                  [](BackgroundWorkerHandle *handle) {
                                      pid_t pid;
                                      if (call([&] { return GetBackgroundWorkerPid(handle, &pid); }) == BGWH_STARTED)
                                          return false;
                                      call([=] { pfree(handle); });
                                      return true;
                                  }),
                   leaving_.end());
    const bool is_any_going = !leaving_.empty() && scheduler::is_pausing(now, left_at_, longest_leave_us);
    if (is_any_going)
        start_again_at(now + leave_pause_us);
    return is_any_going;
}

/* Whether processes have been lacking for so short a time that others may be about to exit: the workers of the manager
 * before this one, and idle ones of other databases. */
bool Pool::is_short_for_a_moment(TimestampTz now)
{
    if (short_since_ == 0)
        short_since_ = now;
    const bool is_just_now = failed_starts_ == 0 && scheduler::is_pausing(now, short_since_, short_shortage_us);
    if (is_just_now)
        start_again_at(now + shortage_pause_us);
    return is_just_now;
}

/* Another attempt to start a worker is not put off beyond `at`. */
void Pool::start_again_at(TimestampTz at)
{
    start_after_ = 0;
    look_at_ = at;
}

int Pool::pid_of(int worker) const
{
    for (const PoolWorker &other : workers_)
        if (other.number == worker)
            return mailbox::pid_of(other.key);
    return worker == no_worker && own_turn_.is_valid() ? MyProcPid : 0;
}

std::optional<TimestampTz> Pool::attend_at() const
{
    std::optional<TimestampTz> at;
    auto take = [&](TimestampTz other) { at = at ? std::min(*at, other) : other; };
    if (release_at_ != 0)
        take(release_at_);
    if (look_at_ != 0)
        take(look_at_);
    for (const PoolWorker &worker : workers_)
        if (start_after_ != 0 && worker.is_busy && worker.since + stuck_after_us > GetCurrentTimestamp())
            take(worker.since + stuck_after_us);
    if (is_waiting_)
        take(GetCurrentTimestamp() + turn_pause_us);
    if (!exhausted_.empty())
        take(GetCurrentTimestamp() + share_pause_us);
    return at;
}

} // namespace pgtrickle::worker
