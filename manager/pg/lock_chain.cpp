#include "pg/lock_chain.hpp"

#include "pg/versions/processes.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

namespace pgtrickle {

namespace {

constexpr int chain_limit = 100;

/* Costs nothing, whereas pg_blocking_pids() holds all partitions of the lock table for a moment. */
bool is_waiting_for_lock(int pid)
{
    const PGPROC *process = BackendPidGetProc(pid);
    return process != nullptr && (process->wait_event_info & 0xff000000U) == PG_WAIT_LOCK;
}

/* Whether the session is idle in a transaction. */
bool has_been_idle(int pid, int idle_ms)
{
    const TimestampTz now = GetCurrentTimestamp();
    pgstat_clear_backend_activity_snapshot();
    const int count = pgstat_fetch_stat_numbackends();
    for (int i = 1; i <= count; i++) {
        const LocalPgBackendStatus *local = backend_status(i);
        if (local == nullptr || local->backendStatus.st_procpid != pid)
            continue;
        const PgBackendStatus &status = local->backendStatus;
        return (status.st_state == STATE_IDLEINTRANSACTION || status.st_state == STATE_IDLEINTRANSACTION_ABORTED) &&
               TimestampDifferenceExceeds(status.st_state_start_timestamp, now, idle_ms);
    }
    return false;
}

} // namespace

bool waits_for_me(int pid)
{
    int chain[chain_limit] = {pid};
    int length = 1;
    for (int next = 0; next < length; next++) {
        if (chain[next] == MyProcPid)
            return true;
        if (!is_waiting_for_lock(chain[next]))
            continue;
        ArrayType *blockers = DatumGetArrayTypeP(OidFunctionCall1(F_PG_BLOCKING_PIDS, Int32GetDatum(chain[next])));
        auto *pids = reinterpret_cast<int32 *>(ARR_DATA_PTR(blockers));
        const int count = ArrayGetNItems(ARR_NDIM(blockers), ARR_DIMS(blockers));
        for (int i = 0; i < count; i++) {
            bool is_known = false;
            for (int j = 0; j < length; j++)
                is_known = is_known || chain[j] == pids[i];
            if (!is_known && length < chain_limit)
                chain[length++] = pids[i];
        }
    }
    return false;
}

bool is_held_by_idle_transaction(const LOCKTAG &tag, int idle_ms)
{
    int count = 0;
    const VirtualTransactionId *holders = GetLockConflicts(&tag, ExclusiveLock, &count);
    for (int i = 0; i < count; i++) {
        if (is_prepared(holders[i]))
            return true;
        const PGPROC *process = process_of(holders[i]);
        if (process != nullptr && process->wait_event_info == WAIT_EVENT_CLIENT_READ &&
            has_been_idle(process->pid, idle_ms))
            return true;
    }
    return false;
}

} // namespace pgtrickle
