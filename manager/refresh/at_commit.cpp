#include "refresh/at_commit.hpp"

#include "definition/definition.hpp"
#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/attempt.hpp"
#include "refresh/batch/refresh_right.hpp"
#include "refresh/history.hpp"
#include "refresh/refresh.hpp"

extern "C" {
#include "access/parallel.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* Limits how long each lock is waited for, unless lock_timeout is shorter already. */
class LockLimit {
  public:
    LockLimit() : before_(LockTimeout)
    {
        const int limit_ms = guc::scan_refresh_timeout_ms;
        if (limit_ms > 0 && (LockTimeout == 0 || limit_ms < LockTimeout))
            LockTimeout = limit_ms;
    }
    ~LockLimit() { LockTimeout = before_; }
    LockLimit(const LockLimit &) = delete;
    LockLimit &operator=(const LockLimit &) = delete;

  private:
    const int before_;
};

/* PostgreSQL has disabled statement_timeout when a client's statement commits. */
class StatementLimit {
  public:
    StatementLimit() : is_own_(StatementTimeout > 0 && !get_timeout_active(STATEMENT_TIMEOUT))
    {
        if (is_own_)
            enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
    }
    ~StatementLimit()
    {
        if (is_own_)
            disable_timeout(STATEMENT_TIMEOUT, false);
    }
    StatementLimit(const StatementLimit &) = delete;
    StatementLimit &operator=(const StatementLimit &) = delete;

  private:
    const bool is_own_;
};

/* Whether the same refresh may succeed a moment later. */
bool is_transient(const PgError &error)
{
    return error.data->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
           ERRCODE_TO_CATEGORY(error.data->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/* Locks the stream table and what it is computed from, at any depth. A transaction that has locked one of its sources
 * exclusively may come to its commit, too: it must not wait for the stream table while this one waits for the source.
 * Returns false if the stream table is not there any more, or this session may not refresh it. */
bool lock_to_refresh(Oid relid)
{
    if (!call([=] { return definition::lock_if_exists(relid, RowExclusiveLock); }) ||
        !call([=] { return definition::is_stream_table(relid); }) || !may_refresh_at_commit(relid) ||
        !rules_of(definition::load(relid).mode).is_immediate)
        return false;
    for (const Source &source : definition::all_sources_of(relid))
        call([&] { LockRelationOid(source.relid, AccessShareLock); });
    return true;
}

void refresh(std::vector<Oid> relids)
{
    std::erase_if(relids, [](Oid relid) { return !lock_to_refresh(relid); });
    if (relids.empty())
        return;
    SkippedMembers skipped;
    const TimestampTz started_at = GetCurrentTimestamp();
    const std::vector<Outcome> outcomes = refresh_batch(
        {.members = relids, .requested_by = scheduler::RequestedBy::reader, .is_at_commit = true}, &skipped);
    /* A row for each commit of each writer would say nothing, and keep the writers waiting for each other. */
    for (const Outcome &outcome : outcomes)
        if (outcome.action == Action::full || outcome.action == Action::reinitialize)
            record_in_history(outcome, catalog::InitiatedBy::manual);
    record_left_out(skipped, started_at, catalog::InitiatedBy::manual);
}

void refresh_changed()
{
    Oid found[mailbox::most_immediates];
    const int count = mailbox::changed_immediates(found);
    if (count == 0)
        return;
    const TimestampTz started_at = GetCurrentTimestamp();
    LockLimit lock_limit;
    StatementLimit statement_limit;
    try {
        in_subtransaction([&] { refresh({found, found + count}); });
    } catch (const PgError &error) {
        if (is_interrupt(error))
            throw;
        if (is_transient(error))
            return;
        record_failure_in_history(found[0], started_at, catalog::InitiatedBy::manual, error);
        if (guc::on_error == static_cast<int>(guc::OnError::fail))
            throw;
    }
}

bool is_of_client()
{
    return MyBackendType == B_BACKEND && !IsParallelWorker();
}

} // namespace

void refresh_at_commit(XactEvent event)
{
    if ((event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE) || !guc::enabled || !is_of_client() ||
        XactReadOnly)
        return;
    MemoryContext memory =
        AllocSetContextCreate(TopTransactionContext, "pg_trickle commit", ALLOCSET_START_SMALL_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(memory);
    enter([] { refresh_changed(); });
    MemoryContextSwitchTo(previous);
    MemoryContextDelete(memory);
}

} // namespace pgtrickle::refresh
