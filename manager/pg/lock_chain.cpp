#include "pg/lock_chain.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
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

} // namespace pgtrickle
