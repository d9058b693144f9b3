#include "fdw/read/transaction_snapshot.hpp"

#include "pg/versions/processes.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_largeobject.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "storage/lock.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

/* The last snapshot that was used. */
struct Used {
    LocalTransactionId by; /* the transaction */
    TimestampTz taken_at;  /* see transaction_snapshot_time() */
};
Used &last_used()
{
    static Used used = {InvalidLocalTransactionId, 0};
    return used;
}

bool is_used()
{
    return last_used().by == own_local_xid();
}

/* Returns whether only the snapshot manager and `query` refer to a snapshot. */
bool is_snapshot_referenced_by_query_only(QueryDesc *query)
{
    Snapshot transaction = GetTransactionSnapshot();
    if (transaction->regd_count != 1 || transaction->active_count != 0)
        return false;
    InvalidateCatalogSnapshot();
    UnregisterSnapshot(query->snapshot); /* it is active as well */
    const bool is_alone = ThereAreNoPriorRegisteredSnapshots();
    query->snapshot = RegisterSnapshot(query->snapshot);
    return is_alone;
}

TransactionId *copy_of(const TransactionId *xids, int64 count)
{
    if (count <= 0)
        return nullptr;
    auto *copy = static_cast<TransactionId *>(MemoryContextAlloc(TopTransactionContext, sizeof(TransactionId) * count));
    memcpy(copy, xids, sizeof(TransactionId) * count);
    return copy;
}

/* Makes a snapshot that others refer to equal to `latest`. */
void become(Snapshot kept, const SnapshotData *latest)
{
    const SnapshotData bookkeeping = *kept;
    *kept = *latest;
    kept->xip = copy_of(latest->xip, latest->xcnt);
    kept->subxip = copy_of(latest->subxip, latest->subxcnt);
    kept->copied = bookkeeping.copied;
    kept->curcid = bookkeeping.curcid;
    kept->active_count = bookkeeping.active_count;
    kept->regd_count = bookkeeping.regd_count;
    kept->ph_node = bookkeeping.ph_node;
}

/* The function calls of the protocol, of which those on large objects read without a statement, pass no hook. */
bool has_read_large_objects()
{
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, LargeObjectRelationId);
    return holds_lock(tag, RowExclusiveLock);
}

} // namespace

void use_transaction_snapshot()
{
    if (!IsolationUsesXactSnapshot() || is_used())
        return;
    last_used() = {own_local_xid(), GetCurrentTimestamp()};
}

bool is_transaction_snapshot_unused(QueryDesc *query)
{
    return XactIsoLevel == XACT_REPEATABLE_READ && !is_used() && !has_read_large_objects() && !RecoveryInProgress() &&
           !IsInParallelMode() && !am_walsender && !TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
           ActiveSnapshotSet() && query->snapshot == GetActiveSnapshot() && is_snapshot_referenced_by_query_only(query);
}

void retake_transaction_snapshot()
{
    const Snapshot latest = GetLatestSnapshot();
    become(GetTransactionSnapshot(), latest);
    /* PostgreSQL runs the other statements that a rule makes of this one under the same active snapshot. */
    become(GetActiveSnapshot(), latest);
    last_used() = {own_local_xid(), GetCurrentTimestamp()};
}

TimestampTz transaction_snapshot_time()
{
    use_transaction_snapshot();
    return last_used().taken_at;
}

void use_snapshot_in_block(const UtilityCall &)
{
    use_transaction_snapshot();
}

void use_snapshot_of_utility(const UtilityCall &)
{
    if (FirstSnapshotSet)
        use_transaction_snapshot();
}

} // namespace pgtrickle
