#include "worker/transaction.hpp"

#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "refresh/history.hpp"
#include "refresh/refresh.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/timeout.h"
}

namespace pgtrickle::worker {

bool TransactionFailure::is_transient() const
{
    if (has_timed_out)
        return false;
    return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED ||
           sqlstate == ERRCODE_T_R_SERIALIZATION_FAILURE || sqlstate == ERRCODE_QUERY_CANCELED ||
           sqlstate == ERRCODE_ADMIN_SHUTDOWN;
}

bool TransactionFailure::is_lack_of_resources() const
{
    return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES &&
           sqlstate != ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
}

namespace {

/* While a synchronous standby is gone, a commit that waited for it would keep the locks of a refresh, for which readers
 * and commits in mode IMMEDIATE wait. A standby that is promoted without the refresh has an older frontier, and in its
 * logs all changes beyond it, since these are emptied later in the WAL. PostgreSQL frame. */
void wait_for_no_standby()
{
    if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
        set_for_now("synchronous_commit", "local");
}

/* A lock that a function of one owner took for its session is not to stay with the worker. PostgreSQL frame. */
void release_advisory_locks()
{
    LockReleaseSession(USER_LOCKMETHOD);
}

} // namespace

void start_transaction()
{
    call([] {
        SetCurrentStatementStartTimestamp();
        SessionSwitch::begin_in_worker();
        StartTransactionCommand();
        wait_for_no_standby();
    });
}

void commit_transaction()
{
    call([] {
        CommitTransactionCommand();
        release_advisory_locks();
        SetLatch(MyLatch);
    });
}

/* An error while aborting ends the process, as in a backend; the launcher starts another one. */
void abort_transaction() noexcept
{
    disable_all_timeouts(false);
    QueryCancelPending = false;
    AbortCurrentTransaction();
    release_advisory_locks();
    SetLatch(MyLatch);
}

TransactionFailure failure_of(const PgError &error)
{
    TransactionFailure failure;
    failure.sqlstate = error.data->sqlerrcode;
    failure.message = error.data->message != nullptr ? kept_text(error.data->message) : "";
    failure.detail = error.data->detail != nullptr ? kept_text(error.data->detail) : "";
    /* A worker runs as a superuser, for which error messages are complete. */
    if (const auto *of_member = dynamic_cast<const refresh::MemberError *>(&error)) {
        failure.culprit = of_member->relid;
        failure.tried = of_member->action;
    }
    return failure;
}

} // namespace pgtrickle::worker
