/*
 * Processes, transactions and locks. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/twophase.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/procsignal.h"
#include "storage/sinvaladt.h"
#include "utils/backend_status.h"
}

namespace pgtrickle {

inline LocalTransactionId own_local_xid()
{
#if PG_VERSION_NUM < 170000
    return MyProc->lxid;
#else
    return MyProc->vxid.lxid;
#endif
}

/* Index of this process in ProcGlobal->allProcs. */
inline int own_process_number() noexcept
{
#if PG_VERSION_NUM < 170000
    return MyProc->pgprocno;
#else
    return GetNumberFromPGProc(MyProc);
#endif
}

/* Returns the status of one of the pgstat_fetch_stat_numbackends() backends, counted from 1; null if it has
 * exited. */
inline const LocalPgBackendStatus *backend_status(int number)
{
#if PG_VERSION_NUM < 160000
    return pgstat_fetch_stat_local_beentry(number);
#else
    return pgstat_get_local_beentry_by_index(number);
#endif
}

/* Returns the process of a holder of a lock that is_prepared() is false for; null if it has exited. */
inline const PGPROC *process_of(const VirtualTransactionId &holder)
{
#if PG_VERSION_NUM < 170000
    return holder.backendId == InvalidBackendId ? nullptr : BackendIdGetProc(holder.backendId);
#else
    return holder.procNumber == INVALID_PROC_NUMBER ? nullptr : ProcNumberGetProc(holder.procNumber);
#endif
}

/* Has the process of a holder of a lock look for a deadlock, if it waits for a lock. PostgreSQL means the signal for
 * the recovery of a standby. May be called by a signal handler while this process waits for a lock. */
inline void ask_for_deadlock_check(int pid, const VirtualTransactionId &holder) noexcept
{
#if PG_VERSION_NUM < 170000
    (void)SendProcSignal(pid, PROCSIG_RECOVERY_CONFLICT_STARTUP_DEADLOCK, holder.backendId);
#else
    (void)SendProcSignal(pid, PROCSIG_RECOVERY_CONFLICT_STARTUP_DEADLOCK, holder.procNumber);
#endif
}

/* Returns the transaction id of the holder of a lock if it is a prepared transaction, which may still have the id of
 * the session that prepared it; InvalidTransactionId if it is not. */
inline TransactionId prepared_xid(const VirtualTransactionId &holder)
{
    bool has_more = false;
    return VirtualTransactionIdIsRecoveredPreparedXact(holder) ? holder.localTransactionId
                                                               : TwoPhaseGetXidByVirtualXID(holder, &has_more);
}

/* Whether the holder of a lock is a prepared transaction. */
inline bool is_prepared(const VirtualTransactionId &holder)
{
    return TransactionIdIsValid(prepared_xid(holder));
}

/* Whether this process holds the lock in this mode. */
inline bool holds_lock(const LOCKTAG &tag, LOCKMODE mode)
{
#if PG_VERSION_NUM < 170000
    return LockHeldByMe(&tag, mode);
#else
    return LockHeldByMe(&tag, mode, false);
#endif
}

} // namespace pgtrickle
