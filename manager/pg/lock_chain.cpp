#include "pg/lock_chain.hpp"

#include "pg/versions/processes.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* Costs nothing, whereas pg_blocking_pids() holds all partitions of the lock table for a moment. */
bool is_waiting_for_lock(int pid)
{
    const PGPROC *process = BackendPidGetProc(pid);
    return process != nullptr && (process->wait_event_info & 0xff000000U) == PG_WAIT_LOCK;
}

/* Adds the processes for which `pid` waits. */
void add_blockers(int pid, LockChain *chain)
{
    if (!is_waiting_for_lock(pid))
        return;
    ArrayType *blockers = DatumGetArrayTypeP(OidFunctionCall1(F_PG_BLOCKING_PIDS, Int32GetDatum(pid)));
    auto *pids = reinterpret_cast<int32 *>(ARR_DATA_PTR(blockers));
    const int count = ArrayGetNItems(ARR_NDIM(blockers), ARR_DIMS(blockers));
    for (int i = 0; i < count; i++)
        if (chain->length < LockChain::limit &&
            std::find(chain->pids, chain->pids + chain->length, pids[i]) == chain->pids + chain->length)
            chain->pids[chain->length++] = pids[i];
}

/* Returns the lock for which the process waits; null if it waits for none. */
const LockInstanceData *awaited_lock(const LockData *locks, int pid)
{
    for (int i = 0; i < locks->nelements; i++)
        if (locks->locks[i].pid == pid && locks->locks[i].waitLockMode != NoLock)
            return &locks->locks[i];
    return nullptr;
}

/* Whether the session, if it is one, is idle in a transaction. The first test is cheap, and mostly decides. */
bool has_been_idle(const PGPROC *process, int idle_ms)
{
    if (process == nullptr || process->wait_event_info != WAIT_EVENT_CLIENT_READ)
        return false;
    const TimestampTz now = GetCurrentTimestamp();
    pgstat_clear_backend_activity_snapshot();
    const int count = pgstat_fetch_stat_numbackends();
    for (int i = 1; i <= count; i++) {
        const LocalPgBackendStatus *local = backend_status(i);
        if (local == nullptr || local->backendStatus.st_procpid != process->pid)
            continue;
        const PgBackendStatus &status = local->backendStatus;
        return (status.st_state == STATE_IDLEINTRANSACTION || status.st_state == STATE_IDLEINTRANSACTION_ABORTED) &&
               TimestampDifferenceExceeds(status.st_state_start_timestamp, now, idle_ms);
    }
    return false;
}

/* A transaction of a session that has ended is among the holders of no lock any more. */
bool may_be_in_progress(const VirtualTransactionId &holder)
{
    const TransactionId xid = prepared_xid(holder);
    return !TransactionIdIsValid(xid) || TransactionIdIsInProgress(xid);
}

/* Whether another process has the lock in a mode that excludes `mode`, in a transaction that may have ended. No
 * transaction excludes itself or its parallel workers. */
bool is_held_against(const LOCKTAG &tag, LOCKMODE mode)
{
    const int leader_pid = MyProc->lockGroupLeader != nullptr ? MyProc->lockGroupLeader->pid : MyProcPid;
    const LockData *locks = GetLockStatusData();
    for (int i = 0; i < locks->nelements; i++) {
        const LockInstanceData &lock = locks->locks[i];
        if (lock.leaderPid == leader_pid || memcmp(&lock.locktag, &tag, sizeof(LOCKTAG)) != 0)
            continue;
        for (LOCKMODE held = AccessShareLock; held <= MaxLockMode; held++)
            if ((lock.holdMask & LOCKBIT_ON(held)) != 0 && DoLockModesConflict(held, mode))
                return true;
    }
    return false;
}

/* Whether nothing but a transaction that has ended excludes this one from the lock. Where no process does, another
 * transaction waits for the lock ahead of this one. */
bool is_held_by_ended_transaction(const LOCKTAG &tag)
{
    if (LockAcquire(&tag, ShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL) {
        LockRelease(&tag, ShareLock, false);
        return false;
    }
    int count = 0;
    const VirtualTransactionId *holders = GetLockConflicts(&tag, ShareLock, &count);
    return std::none_of(holders, holders + count, may_be_in_progress) && is_held_against(tag, ShareLock);
}

} // namespace

bool leads_to_me(LockChain *chain)
{
    for (int next = 0; next < chain->length; next++) {
        if (chain->pids[next] == MyProcPid)
            return true;
        add_blockers(chain->pids[next], chain);
    }
    return false;
}

bool waits_for_me(int pid)
{
    LockChain chain = {{pid}, 1};
    return leads_to_me(&chain);
}

bool waits_for_more_than_my_reads(int pid)
{
    LockChain blockers;
    add_blockers(pid, &blockers);
    if (std::find(blockers.pids, blockers.pids + blockers.length, MyProcPid) == blockers.pids + blockers.length)
        return false;
    const LockData *locks = GetLockStatusData();
    const LockInstanceData *awaited = awaited_lock(locks, pid);
    if (awaited == nullptr)
        return false; /* granted meanwhile */
    for (int i = 0; i < locks->nelements; i++) {
        const LockInstanceData &lock = locks->locks[i];
        if (lock.pid == MyProcPid && memcmp(&lock.locktag, &awaited->locktag, sizeof(LOCKTAG)) == 0 &&
            (lock.holdMask & ~LOCKBIT_ON(AccessShareLock)) != 0)
            return true;
    }
    return false;
}

void describe_awaited_lock(int pid, StringInfo text)
{
    const LockInstanceData *lock = awaited_lock(GetLockStatusData(), pid);
    if (lock == nullptr) {
        appendStringInfoString(text, "no lock");
        return;
    }
    appendStringInfo(text, "%s on ", GetLockmodeName(lock->locktag.locktag_lockmethodid, lock->waitLockMode));
    DescribeLockTag(text, &lock->locktag);
}

bool has_idle_transaction(const LockChain &chain, int idle_ms)
{
    /* pg_blocking_pids() shows a prepared transaction as 0. */
    return std::any_of(chain.pids, chain.pids + chain.length,
                       [=](int pid) { return pid == 0 || has_been_idle(BackendPidGetProc(pid), idle_ms); });
}

LockChain holders_of(const LOCKTAG &tag)
{
    int count = 0;
    const VirtualTransactionId *holders = GetLockConflicts(&tag, ExclusiveLock, &count);
    LockChain chain;
    for (int i = 0; i < count && chain.length < LockChain::limit; i++) {
        const PGPROC *process = is_prepared(holders[i]) ? nullptr : process_of(holders[i]);
        if (is_prepared(holders[i]) || process != nullptr)
            chain.pids[chain.length++] = process == nullptr ? 0 : process->pid;
    }
    return chain;
}

bool is_held_by_idle_transaction(const LOCKTAG &tag, int idle_ms)
{
    int count = 0;
    const VirtualTransactionId *holders = GetLockConflicts(&tag, ExclusiveLock, &count);
    for (int i = 0; i < count; i++) {
        if (is_prepared(holders[i]) || has_been_idle(process_of(holders[i]), idle_ms))
            return true;
    }
    return false;
}

void await_invalidations_under(const LOCKTAG &tag)
{
    constexpr long pause_ms = 1;
    while (is_held_by_ended_transaction(tag)) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    AcceptInvalidationMessages();
}

} // namespace pgtrickle
