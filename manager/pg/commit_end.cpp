#include "pg/commit_end.hpp"

#include "pg/versions/processes.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/inval.h"
#include "utils/wait_event.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

constexpr long pause_ms = 1;

/* Of a session, a transaction that has ended is none any more. */
bool is_in_progress(const VirtualTransactionId &holder)
{
    const TransactionId xid = prepared_xid(holder);
    return !TransactionIdIsValid(xid) || TransactionIdIsInProgress(xid);
}

/* Whether no other transaction than one that has ended excludes this one from the lock. */
bool is_held_by_ended(const LOCKTAG &lock)
{
    if (LockAcquire(&lock, ShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL) {
        LockRelease(&lock, ShareLock, false);
        return false;
    }
    int count = 0;
    const VirtualTransactionId *holders = GetLockConflicts(&lock, ShareLock, &count);
    return std::none_of(holders, holders + count, is_in_progress);
}

} // namespace

void await_invalidations_under(const LOCKTAG &lock)
{
    while (is_held_by_ended(lock)) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    AcceptInvalidationMessages();
}

} // namespace pgtrickle
