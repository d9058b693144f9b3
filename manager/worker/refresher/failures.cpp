/*
 * A failed refresh is counted in pgt_state, recorded in the history, announced, and postponed by a back-off;
 * after max_consecutive_errors in a row the stream table is suspended until a user resumes it.
 *
 * A failure whose cause may pass (a lock that was not available, a deadlock, a serialization failure, a
 * cancel request) is retried, but not counted. Code of the query can raise such an error at each retry, so after some
 * of them in a row the pauses grow a little, and few are recorded in the history and in the log. A full disk or memory
 * is counted and postponed longer and longer, but suspends no stream table: all of them would be suspended, and a user
 * would have to resume them.
 */
#include "catalog/process.hpp"
#include "definition/alert.hpp"
#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "mailbox/mailbox.hpp"
#include "refresh/history.hpp"
#include "scheduler/queue.hpp"
#include "worker/refresher/refresher.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <bit>

namespace pgtrickle::worker {

namespace {

using scheduler::Id;

/* PostgreSQL frames. */

/* Tries to lock the stream table and its row in pgt_state; false if another transaction refreshes, alters or
 * drops it. */
bool lock_state(Oid relid)
{
    if (!ConditionalLockRelationOid(relid, AccessShareLock) || !definition::is_stream_table(relid))
        return false;
    const LOCKTAG tag = state::refresh_lock(relid);
    return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void update_state(Oid relid, const char *status, int errors, const char *message)
{
    Datum values[state::column_count] = {};
    bool nulls[state::column_count] = {};
    bool replaces[state::column_count] = {};
    auto set = [&](state::Column column, Datum value) {
        values[column - 1] = value;
        replaces[column - 1] = true;
    };
    set(state::status, CStringGetTextDatum(status));
    set(state::consecutive_errors, Int32GetDatum(errors));
    set(state::last_error_message, CStringGetTextDatum(message));
    set(state::last_error_at, TimestampTzGetDatum(GetCurrentTimestamp()));
    (void)state::update_after_refresh(relid, values, nulls, replaces);
}

/* Any role of the database may listen. The alert therefore does not contain the error's text, which may quote
 * data. */
void alert(const char *event, const scheduler::Involved &member, const TransactionFailure &failure, int errors)
{
    std::string sqlstate = call([&] { return unpack_sql_state(failure.sqlstate); });
    (void)definition::send_alert(
        definition::alert_of(event, member.schema_name, member.name)
            .number("consecutive_errors", errors)
            .text("sqlstate", sqlstate)
            .ending_with("error",
                         "The owner and members of pg_monitor can see the error in pgtrickle.pgt_refresh_history."));
}

/* Whether the error is one of storing rows, or of the refresh: an index on the stream table, a lock, a cancellation, a
 * lack of resources. */
bool is_apart_from_query(int sqlstate)
{
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
    case ERRCODE_TO_CATEGORY(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION):
    case ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK):
    case ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES):
    case ERRCODE_TO_CATEGORY(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE):
    case ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION): return true;
    default: return false;
    }
}

} // namespace

/* Counts the failure. Returns true if the stream table is suspended from now on. */
bool Refresher::write_failure(const scheduler::Involved &member, const TransactionFailure &failure,
                              scheduler::MemberResult *result)
{
    bool is_suspended = false;
    int errors = 0;
    const std::optional<TransactionFailure> unwritten = in_transaction([&] {
        if (!call([&] { return lock_state(member.id); }))
            return;
        state::StateRow row;
        if (!state::read(member.id, &row) || row.status == state::Status::suspended)
            return;
        errors = row.consecutive_errors + 1;
        is_suspended = errors >= guc::max_consecutive_errors && !failure.is_lack_of_resources();
        const char *status = state::name_of(is_suspended ? state::Status::suspended : state::Status::error);
        call([&] {
            PushActiveSnapshot(GetTransactionSnapshot());
            update_state(member.id, status, errors, failure.message.c_str());
            PopActiveSnapshot();
        });
        alert("refresh_failed", member, failure, errors);
        if (is_suspended)
            alert("auto_suspended", member, failure, errors);
        mailbox::note_state(member.id,
                            {row.is_populated, is_suspended, true, grants_, is_apart_from_query(failure.sqlstate)});
    });
    const bool is_counted = errors > 0 && !unwritten;
    result->failures = is_counted ? errors : result->failures + 1;
    return is_counted && is_suspended;
}

/* Counts the failure, and sets the time of the next attempt. Returns whether the failure is to be recorded. */
bool Refresher::count_failure(const scheduler::Involved &member, const TransactionFailure &failure)
{
    constexpr int quick_retries = 5;
    constexpr scheduler::Microseconds longest_retry_us = 8'000'000;
    scheduler::MemberResult &result = result_of(member.id);
    auto postpone = [&](int count, scheduler::Microseconds longest_us) {
        result.not_before = GetCurrentTimestamp() + scheduler::back_off_us(member.id, count, longest_us);
    };
    if (failure.is_transient()) {
        result.retries++;
        postpone(std::max(1, result.retries - quick_retries), longest_retry_us);
        return result.retries <= quick_retries || std::has_single_bit(static_cast<unsigned>(result.retries));
    }
    result.retries = 0;
    result.is_suspended = write_failure(member, failure, &result);
    postpone(guc::auto_backoff ? result.failures : 1,
             failure.is_lack_of_resources() ? scheduler::longest_wait_for_room_us : scheduler::longest_back_off_us);
    return true;
}

void Refresher::note_failure(const scheduler::Involved &member, const TransactionFailure &failure,
                             TimestampTz started_at)
{
    const bool is_recorded = count_failure(member, failure);
    const scheduler::MemberResult &result = result_of(member.id);
    if (is_recorded) {
        call([&] {
            ereport(LOG, (errmsg("refresh of stream table \"%s.%s\" failed: %s", member.schema_name.c_str(),
                                 member.name.c_str(), failure.message.c_str())));
        });
        catalog::append_history(
            {failed_history_row(member.id, failure.tried, started_at, initiated_by(), failure.message.c_str())});
    }
    catalog::run([&](catalog::Database &catalog) {
        catalog::write_back_off(catalog, MyDatabaseId,
                                {member.id, member.generation, result.failures, result.not_before});
    });
}

} // namespace pgtrickle::worker
