#include "fdw/read/refresh_wait.hpp"

#include "definition/guc.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/stopwatch.hpp"

extern "C" {
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/wait_event.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

constexpr int locked_pause_ms = 20; /* pause before the next request for what another process refreshes */
constexpr int chain_limit = 100;    /* processes examined by one probe */

/* A cheap check before pg_blocking_pids(), which locks the whole lock table for a moment. */
bool is_waiting_for_lock(int pid)
{
    const PGPROC *process = BackendPidGetProc(pid);
    return process != nullptr && (process->wait_event_info & 0xff000000U) == PG_WAIT_LOCK;
}

/* Adds the processes for which `pid` waits to the chain. */
void add_blockers(int pid, int *chain, int *length)
{
    if (!is_waiting_for_lock(pid))
        return;
    Datum result = OidFunctionCall1(F_PG_BLOCKING_PIDS, Int32GetDatum(pid));
    ArrayType *blockers = DatumGetArrayTypeP(result);
    auto *pids = reinterpret_cast<int32 *>(ARR_DATA_PTR(blockers));
    int count = ArrayGetNItems(ARR_NDIM(blockers), ARR_DIMS(blockers));
    for (int i = 0; i < count; i++) {
        bool is_known = false;
        for (int j = 0; j < *length; j++)
            is_known |= chain[j] == pids[i];
        if (!is_known && *length < chain_limit)
            chain[(*length)++] = pids[i];
    }
}

bool is_blocked_by_me(int pid)
{
    int blockers[chain_limit];
    int length = 0;
    add_blockers(pid, blockers, &length);
    for (int i = 0; i < length; i++)
        if (blockers[i] == MyProcPid)
            return true;
    return false;
}

/* Returns whether a worker that serves this process waits, directly or through other processes, for this
 * transaction. Raises an error if a worker does so directly and `on_deadlock` is `raise`. If it waits through
 * another process, the cause is not a lock that this transaction has chosen to take, but one that any reader
 * holds; waiting longer is useless in both cases. */
bool is_waited_for(OnDeadlock on_deadlock)
{
    int chain[chain_limit];
    int length = mailbox::serving_pids(chain);
    const int worker_count = length;
    for (int next = 0; next < length; next++) {
        if (on_deadlock == OnDeadlock::raise && next < worker_count && is_blocked_by_me(chain[next]))
            ereport(ERROR, (errcode(ERRCODE_T_R_DEADLOCK_DETECTED), errmsg("deadlock detected"),
                            errdetail("This transaction waits for a refresh worker (process %d) to refresh a stream "
                                      "table; the worker waits for a lock that this transaction holds.",
                                      chain[next]),
                            errhint("Read stream tables before locking their sources.")));
        if (chain[next] == MyProcPid)
            return true;
        add_blockers(chain[next], chain, &length);
    }
    return false;
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

} // namespace

Obstacle request_and_wait(const Oid *relids, int count, OnDeadlock on_deadlock)
{
    const Stopwatch waited;
    const int64_t limit_ms = guc::scan_refresh_timeout_ms;
    /* A refresh worker waits for a lock twice as long, so it is probed during that time. */
    const int64_t probing_ms = std::max(DeadlockTimeout / 4, 1);
    int64_t probe_at_ms = probing_ms;
    mailbox::Reply reply = mailbox::request_refresh(relids, count);
    for (int64_t now_ms = 0;; now_ms = waited.ms()) {
        if (reply.answer != mailbox::Answer::waiting && reply.answer != mailbox::Answer::locked)
            break;
        /* The lock may be held by this transaction, and waiting would not help then. */
        if (reply.answer == mailbox::Answer::locked && mailbox::holds_any())
            break;
        if (now_ms >= limit_ms)
            break;
        if (now_ms >= probe_at_ms) {
            if (is_waited_for(on_deadlock)) {
                reply.answer = mailbox::Answer::locked;
                break;
            }
            probe_at_ms = now_ms + probing_ms;
        }
        long rest_ms = static_cast<long>((limit_ms < probe_at_ms ? limit_ms : probe_at_ms) - now_ms) + 1;
        if (reply.answer == mailbox::Answer::locked) {
            sleep(rest_ms < locked_pause_ms ? rest_ms : locked_pause_ms);
            reply = mailbox::request_refresh(relids, count);
        } else {
            sleep(rest_ms);
            reply = mailbox::reply();
        }
    }
    mailbox::withdraw_request();
    return obstacle_of(reply.answer);
}

} // namespace pgtrickle
