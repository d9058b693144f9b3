#include "fdw/read/newest_snapshot.hpp"

#include "pg/versions/processes.hpp"

extern "C" {
#include "access/transam.h"
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

bool is_before(const SnapshotData *snapshot, const Moment &moment)
{
    return snapshot->xmax == moment.xmax ? snapshot->xcnt > moment.running
                                         : TransactionIdPrecedes(snapshot->xmax, moment.xmax);
}

} // namespace

void note_snapshot(Snapshot snapshot)
{
    if (newest().by != own_local_xid() || !is_before(snapshot, newest()))
        newest() = {own_local_xid(), snapshot->xmax, snapshot->xcnt};
}

bool is_newer_noted(Snapshot snapshot)
{
    return newest().by == own_local_xid() && snapshot->snapshot_type == SNAPSHOT_MVCC && is_before(snapshot, newest());
}

} // namespace pgtrickle
