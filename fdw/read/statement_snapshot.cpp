#include "fdw/read/statement_snapshot.hpp"

#include "fdw/read/session/running_statements.hpp"
#include "fdw/read/transaction_snapshot.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

/* From one snapshot to the next, xmax grows, or transactions below it end. */
struct Moment {
    LocalTransactionId by; /* the transaction */
    TransactionId xmax;
    uint32 running;
};

Moment &newest()
{
    static Moment moment = {InvalidLocalTransactionId, InvalidTransactionId, 0};
    return moment;
}

/* A snapshot that was taken during recovery lists transactions as subtransactions. */
uint32 running_in(const SnapshotData *snapshot)
{
    return snapshot->xcnt + (snapshot->takenDuringRecovery ? snapshot->subxcnt : 0);
}

bool is_before(const SnapshotData *snapshot, const Moment &moment)
{
    return snapshot->xmax == moment.xmax ? running_in(snapshot) > moment.running
                                         : TransactionIdPrecedes(snapshot->xmax, moment.xmax);
}

/* Notes the snapshot of a statement of this transaction. */
void note_snapshot(Snapshot snapshot)
{
    if (newest().by != own_local_xid() || !is_before(snapshot, newest()))
        newest() = {own_local_xid(), snapshot->xmax, running_in(snapshot)};
}

/* Whether a noted one is newer: it sees transactions as ended that `snapshot` sees as running, or not at all. */
bool is_newer_noted(Snapshot snapshot)
{
    return newest().by == own_local_xid() && snapshot->snapshot_type == SNAPSHOT_MVCC && is_before(snapshot, newest());
}

} // namespace

void renew_snapshot(QueryDesc *query, bool has_refreshed)
{
    CommandId command = has_refreshed ? GetCurrentCommandId(false) : query->snapshot->curcid;
    UnregisterSnapshot(query->snapshot);
    query->snapshot = InvalidSnapshot;
    PushCopiedSnapshot(GetTransactionSnapshot());
    GetActiveSnapshot()->curcid = command;
    query->snapshot = RegisterSnapshot(GetActiveSnapshot());
    note_snapshot(query->snapshot);
}

void take_new_snapshot(QueryDesc *query, bool has_refreshed)
{
    if (IsolationUsesXactSnapshot())
        retake_transaction_snapshot();
    renew_snapshot(query, has_refreshed);
}

bool push_snapshot(QueryDesc *query)
{
    if (query->snapshot == InvalidSnapshot || !ActiveSnapshotSet() || GetActiveSnapshot() == query->snapshot)
        return false;
    PushActiveSnapshot(query->snapshot);
    return true;
}

bool can_take_new_snapshot(QueryDesc *query)
{
    return !RecoveryInProgress() && !IsParallelWorker() &&
           (!IsolationUsesXactSnapshot() || is_transaction_snapshot_unused(query));
}

bool can_renew_snapshot(QueryDesc *query)
{
    return !IsolationUsesXactSnapshot() && outermost_running_under(query->snapshot) == nullptr &&
           can_take_new_snapshot(query);
}

bool can_take_new_snapshot_on_standby()
{
    return RecoveryInProgress() && !IsolationUsesXactSnapshot() && !IsParallelWorker();
}

bool is_behind_earlier(QueryDesc *query)
{
    return is_newer_noted(query->snapshot) && outermost_running_under(query->snapshot) == nullptr &&
           !IsolationUsesXactSnapshot() && !IsParallelWorker();
}

} // namespace pgtrickle
