#include "fdw/read/refresh_wait.hpp"

#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/exact_reads.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/lock_chain.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "access/xact.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/wait_event.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

constexpr int pause_ms = 20;      /* before the next request for what another process refreshes */
constexpr int idle_probe_ms = 25; /* pause between searches for an idle session that prevents the refresh */
constexpr int idle_ms = 100;      /* a session that has been idle for longer is not waited for */

/* The lock is reported to the server log only, as PostgreSQL reports statements: its object may be internal. */
void raise_deadlock(int worker)
{
    StringInfoData lock;
    initStringInfo(&lock);
    describe_awaited_lock(worker, &lock);
    ereport(ERROR,
            (errcode(ERRCODE_T_R_DEADLOCK_DETECTED), errmsg("deadlock detected"),
             errdetail("This transaction waits for a refresh worker (process %d) to refresh a stream table; the worker "
                       "waits for a lock that this transaction holds.",
                       worker),
             errdetail_log("This transaction waits for a refresh worker (process %d) to refresh a stream table; the "
                           "worker waits for %s, which this transaction prevents.",
                           worker, lock.data),
             errhint("Call pgtrickle.refresh_stream_table(), which refreshes in this transaction.")));
}

/* Raises an error if a worker that serves this process waits for a lock that this transaction has chosen to take. */
void check_for_deadlock()
{
    LockChain workers;
    workers.length = mailbox::serving_pids(workers.pids);
    for (int i = 0; i < workers.length; i++)
        if (waits_for_more_than_my_reads(workers.pids[i]))
            raise_deadlock(workers.pids[i]);
}

enum class Useless { no, for_me, for_idle_transaction };

/* Returns whether waiting longer is useless, as a worker that serves this process waits, directly or through other
 * processes, for this transaction, whose lock may be one that any reader holds, or for one in which nothing runs. */
Useless useless_wait(const Oid *relids, int count, Waiter waiter)
{
    LockChain chain;
    chain.length = mailbox::serving_pids(chain.pids);
    if (leads_to_me(&chain))
        return Useless::for_me;
    const bool is_idle = waiter == Waiter::statement && has_idle_transaction(chain, idle_ms);
    return is_idle && could_all_be_computed_at_once(relids, count) ? Useless::for_idle_transaction : Useless::no;
}

/* The stream tables that a request concerns: the requested ones, and those that they read. */
struct Concerned {
    Oid *relids; /* palloc'ed; null until they are needed */
    int count;
};

void find_concerned(const Oid *relids, int count, Concerned *concerned)
{
    enter([&] {
        std::vector<Oid> all(relids, relids + count);
        for (int i = 0; i < count; i++)
            for (Oid upstream : definition::upstreams_of(relids[i]))
                if (std::find(all.begin(), all.end(), upstream) == all.end())
                    all.push_back(upstream);
        concerned->count = static_cast<int>(all.size());
        concerned->relids = call([&] { return static_cast<Oid *>(palloc(sizeof(Oid) * all.size())); });
        std::copy(all.begin(), all.end(), concerned->relids);
    });
}

/* Whether the refresh has to wait for a transaction in which nothing runs, such as one that has read its own
 * changes: it may stay open for long, and every reader would wait for it. */
bool waits_for_idle_transaction(const Concerned &concerned)
{
    for (int i = 0; i < concerned.count; i++)
        if (is_held_by_idle_transaction(state::refresh_lock(concerned.relids[i]), idle_ms))
            return true;
    return false;
}

/* The last transaction for which a refresh has waited. Its next statements look for that sooner. */
LocalTransactionId &waited_for_transaction()
{
    static LocalTransactionId own = InvalidLocalTransactionId;
    return own;
}

Obstacle obstacle_of(mailbox::Answer answer)
{
    switch (answer) {
    case mailbox::Answer::done: return Obstacle::none;
    case mailbox::Answer::failed: return Obstacle::failed;
    case mailbox::Answer::suspended: return Obstacle::suspended;
    case mailbox::Answer::held: return Obstacle::held;
    case mailbox::Answer::locked: return Obstacle::locked;
    case mailbox::Answer::waiting: return Obstacle::timed_out;
    case mailbox::Answer::none:
    case mailbox::Answer::no_manager: break;
    }
    return Obstacle::no_manager;
}

/* Sleeps until the latch is set or `sleep_ms` have passed. */
void sleep(long sleep_ms)
{
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, sleep_ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

/* As request_and_wait(), for stream tables that fit into one request. */
Obstacle request_at_once(const Oid *relids, int count, Waiter waiter)
{
    const Stopwatch waited;
    const int64_t limit_ms = guc::scan_refresh_timeout_ms;
    /* A refresh worker waits for a lock twice as long, so it is probed during that time. */
    const bool is_known = waited_for_transaction() == own_local_xid();
    const int64_t usual_ms = std::min<int64_t>(DeadlockTimeout / 4, limit_ms / 4);
    const int64_t probing_ms = std::max<int64_t>(is_known ? std::min<int64_t>(usual_ms, idle_probe_ms) : usual_ms, 1);
    int64_t probe_at_ms = probing_ms, idle_probe_at_ms = idle_probe_ms;
    Concerned concerned = {nullptr, 0};
    bool was_locked = false; /* until then, a refresh may be running that the idle transaction does not prevent */
    int managers_left = 3;   /* to be requested in place of a manager that exits */
    mailbox::Reply reply = mailbox::request_refresh(relids, count);
    for (int64_t now_ms = 0;; now_ms = waited.ms()) {
        if (reply.answer != mailbox::Answer::waiting && reply.answer != mailbox::Answer::locked)
            break;
        /* The lock may be held by this transaction, and waiting would not help then. */
        if (reply.answer == mailbox::Answer::locked && mailbox::holds_any())
            break;
        const bool is_last = now_ms >= limit_ms;
        if (now_ms >= probe_at_ms || is_last) {
            if (waiter == Waiter::caller)
                check_for_deadlock();
            if (const Useless why = useless_wait(relids, count, waiter); why != Useless::no) {
                if (why == Useless::for_me)
                    waited_for_transaction() = own_local_xid();
                reply.answer = mailbox::Answer::locked;
                break;
            }
            probe_at_ms = now_ms + probing_ms;
        }
        was_locked |= reply.answer == mailbox::Answer::locked;
        if (is_last) {
            reply.answer = mailbox::Answer::waiting; /* the lock would have been tried again */
            break;
        }
        if (was_locked && now_ms >= idle_probe_at_ms) {
            if (concerned.relids == nullptr)
                find_concerned(relids, count, &concerned);
            if (waits_for_idle_transaction(concerned)) {
                reply.answer = mailbox::Answer::locked;
                break;
            }
            idle_probe_at_ms = now_ms + idle_probe_ms;
        }
        const int64_t next_ms = was_locked ? std::min(probe_at_ms, idle_probe_at_ms) : probe_at_ms;
        long rest_ms = static_cast<long>(std::min(limit_ms, next_ms) - now_ms) + 1;
        if (reply.answer == mailbox::Answer::locked) {
            sleep(rest_ms < pause_ms ? rest_ms : pause_ms);
            reply = mailbox::request_refresh(relids, count);
        } else {
            sleep(rest_ms);
            reply = mailbox::reply();
            if (reply.answer == mailbox::Answer::no_manager && managers_left-- > 0)
                reply = mailbox::request_refresh(relids, count);
        }
    }
    mailbox::withdraw_request();
    return obstacle_of(reply.answer);
}

} // namespace

void pause_waiting()
{
    sleep(pause_ms);
}

/* A transaction that has refreshed holds locks for which the holder may wait in this way, so it does not wait for long;
 * nor does it wait for one that waits for it, or in which nothing runs. Where it could not read exactly instead, it
 * waits nevertheless, but not for ever. */
bool await_holder(const LOCKTAG &lock, const Stopwatch &waited, const Oid *relids, int count)
{
    if (waited.ms() >= guc::scan_refresh_timeout_ms)
        return false;
    LockChain chain = holders_of(lock);
    const bool may_be_waited_for = mailbox::holds_any() && waited.ms() >= DeadlockTimeout / 4;
    if ((may_be_waited_for || leads_to_me(&chain) || has_idle_transaction(chain, idle_ms)) &&
        could_all_be_computed_at_once(relids, count))
        return false;
    sleep(pause_ms);
    return true;
}

Obstacle request_and_wait(const Oid *relids, int count, Waiter waiter)
{
    Obstacle obstacle = Obstacle::none;
    for (int first = 0; first < count && obstacle == Obstacle::none; first += mailbox::max_requested)
        obstacle = request_at_once(relids + first, std::min(count - first, mailbox::max_requested), waiter);
    return obstacle;
}

Obstacle request_of_next_manager(const Oid *relids, int count)
{
    constexpr long turn_probe_ms = 100;
    const Stopwatch waited;
    Obstacle obstacle = Obstacle::no_manager;
    while (obstacle == Obstacle::no_manager && mailbox::do_managers_take_turns() &&
           waited.ms() < guc::scan_refresh_timeout_ms) {
        sleep(turn_probe_ms);
        obstacle = request_and_wait(relids, count, Waiter::statement);
    }
    return obstacle;
}

} // namespace pgtrickle
