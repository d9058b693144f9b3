/*
 * A failed refresh: counted in pgt_state, kept in the history, announced, put off by a
 * back-off, and after max_consecutive_errors in a row suspended until somebody resumes it.
 *
 * What may go away by itself (a lock that was not to be had, a deadlock, a serialization failure, a
 * cancel request) is kept in the history and tried again, but not counted. A full disk or memory is counted and
 * put off longer and longer, but suspends nobody: it would be all of them, for somebody to resume.
 */
#include "catalog/process.hpp"
#include "definition/alert.hpp"
#include "definition/definition.hpp"
#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "mailbox/mailbox.hpp"
#include "scheduler/queue.hpp"
#include "worker/refresher/refresher.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::worker {

namespace {

using scheduler::Id;

/* PostgreSQL frames. */

/* Neither waits for a transaction that refreshes or drops it. */
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

/* Any role of the database may listen, so the error's text, which may quote data, is not in it. */
void alert(const char *event, const scheduler::Involved &member, const Failure &failure, int errors)
{
    std::string sqlstate = call([&] { return unpack_sql_state(failure.sqlstate); });
    (void)definition::send_alert(
        definition::alert_of(event, member.schema_name, member.name)
            .number("consecutive_errors", errors)
            .text("sqlstate", sqlstate)
            .ending_with("error", "The owner and members of pg_monitor can see the error in pgtrickle.pgt_refresh_history."));
}

} // namespace

/* Counts the failure. True if the stream table is suspended from now on. */
bool Refresher::write_failure(const scheduler::Involved &member, const Failure &failure,
                              scheduler::MemberResult *result)
{
    bool is_suspended = false;
    int errors = 0;
    const std::optional<Failure> unwritten = in_transaction([&] {
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
        mailbox::note_state(member.id, {row.is_populated, is_suspended, true});
    });
    const bool is_counted = errors > 0 && !unwritten;
    result->failures = is_counted ? errors : result->failures + 1;
    return is_counted && is_suspended;
}

void Refresher::note_failure(const scheduler::Involved &member, const Failure &failure, TimestampTz started_at)
{
    call([&] {
        ereport(LOG, (errmsg("refresh of stream table \"%s.%s\" failed: %s", member.schema_name.c_str(),
                             member.name.c_str(), failure.message.c_str())));
    });
    scheduler::MemberResult &result = result_of(member.id);
    result.is_suspended = !failure.is_transient() && write_failure(member, failure, &result);
    TimestampTz now = GetCurrentTimestamp();
    int counted = failure.is_transient() || !guc::auto_backoff ? 1 : result.failures;
    scheduler::Microseconds longest_us =
        failure.is_lack_of_resources() ? scheduler::longest_wait_for_room_us : scheduler::longest_back_off_us;
    result.not_before = now + scheduler::back_off_us(member.id, counted, longest_us);
    catalog::Refresh row;
    row.relid = member.id;
    row.started_at = started_at;
    row.ended_at = now;
    row.action = failure.tried;
    row.status = "FAILED";
    row.initiated_by = job_.requested_by == scheduler::RequestedBy::reader ? "SCAN" : "SCHEDULER";
    row.error_message = failure.message;
    catalog::append_history({row});
    catalog::run([&](catalog::Database &catalog) {
        catalog::write_back_off(catalog, MyDatabaseId, {member.id, member.generation, result.failures, result.not_before});
    });
}

} // namespace pgtrickle::worker
