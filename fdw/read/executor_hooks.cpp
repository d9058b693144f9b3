/*
 * The executor hooks pass statements through the barrier. The start of the executor is used because every way
 * to run a query includes it; a planner hook would be skipped by cached plans.
 *
 * In READ COMMITTED, and as the first one of a REPEATABLE READ transaction (transaction_snapshot.hpp), the
 * statement gets a new snapshot whenever it reads a stream table, with the old command id, so that it sees the
 * refresh: its own snapshot was taken before the wait. The new snapshot is registered
 * in place of the old one, and is active while the executor starts, runs and finishes, because parallel
 * workers and functions take the active one.
 *
 * A STABLE function reads under its caller's snapshot (running_statements.hpp).
 */
#include "fdw/read/barrier.hpp"
#include "fdw/read/freshness.hpp"

#include "capture/triggers/open_statement.hpp"
#include "definition/guc.hpp"
#include "fdw/read/exact_reads.hpp"
#include "fdw/read/on_stale.hpp"
#include "fdw/read/refresh_wait.hpp"
#include "fdw/read/session/choices.hpp"
#include "fdw/read/session/function_reads.hpp"
#include "fdw/read/session/leader_reads.hpp"
#include "fdw/read/session/own_effects.hpp"
#include "fdw/read/session/past_exact_reads.hpp"
#include "fdw/read/session/running_statements.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "fdw/read/statement_snapshot.hpp"
#include "fdw/read/stopwatch.hpp"
#include "fdw/read/transaction_snapshot.hpp"
#include "fdw/read/unrefreshed.hpp"
#include "fdw/read/untouched_scans.hpp"
#include "fdw/scan/served_relation.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/processes.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/program/scope.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "postmaster/bgworker.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

/* ---- what EXPLAIN shows ---------------------------------------------------------------- */

Wait wait = {};
bool is_wait_wanted = false;

/* Begins the Wait of a statement, if one is wanted, and returns whether one is. */
bool begin_wait()
{
    if (!is_wait_wanted)
        return false;
    is_wait_wanted = false;
    wait = {true, false, false, false, 0};
    return true;
}

void record_wait(const Passed &passed)
{
    wait.has_refreshed |= passed.has_refreshed;
    wait.has_requested |= passed.has_requested;
    wait.has_failed = !passed.is_fresh; /* in the last pass */
}

/* ---- the barrier ---------------------------------------------------------------------- */

/* Limits of passes, each of which waits for one refresh by the manager: if this transaction can refresh all of
 * them itself after the last one, and otherwise. */
constexpr int max_passes_refreshing = 5, max_passes_requesting = 30;

/* Passes a statement that takes its snapshot after the barrier, and leaves the snapshot active. `has_refreshed`:
 * this transaction has refreshed stream tables for the statement already. Another
 * process may refresh one of the stream tables alone between the refresh of all and the snapshot, or a commit
 * may come between the refreshes that this transaction has to do itself and the others. The statement passes
 * the barrier again then, and finally refreshes those that must be current in its own transaction, where no
 * other refresh can come between. */
void pass_to_new_snapshot(QueryDesc *query, const Oid *relids, int count, bool has_refreshed)
{
    int current_count = 0;
    const Oid *current = tables_to_align(relids, count, &current_count);
    bool can_refresh = false;
    for (int passes = 1;; passes++) {
        Passed passed = pass_barrier(relids, count);
        record_wait(passed);
        has_refreshed |= passed.has_refreshed;
        take_new_snapshot(query, has_refreshed);
        if (!passed.is_fresh)
            return;
        const Oid behind = find_lagging(current, current_count, query->snapshot);
        if (!OidIsValid(behind))
            return;
        if (passes == 1)
            can_refresh = !IsolationUsesXactSnapshot() && can_refresh_all_here(current, current_count);
        const bool is_last = passes == (can_refresh ? max_passes_refreshing : max_passes_requesting);
        if (is_last && !can_refresh) {
            wait.has_failed = true;
            apply_on_stale(behind, Obstacle::none);
            return;
        }
        PopActiveSnapshot();
        if (is_last) {
            wait.has_failed = !refresh_here(current, current_count);
            wait.has_refreshed = true;
            take_new_snapshot(query, true);
            return;
        }
    }
}

/* The stream tables that a statement reads. */
struct Reads {
    const Oid *relids; /* by itself */
    int count;
    const Oid *by_functions; /* by functions that it calls, under its snapshot */
    int by_functions_count;
};

/* Passes a statement on a standby that can still take a new snapshot. It waits for refreshes that are due. */
bool pass_on_standby(QueryDesc *query, const Reads &reads)
{
    const Stopwatch waited;
    bool has_new_snapshot = is_behind_earlier(query);
    if (has_new_snapshot)
        renew_snapshot(query, false);
    FixedSnapshot fixed = {query->snapshot, GetCurrentTimestamp()};
    while (waited.ms() < guc::scan_refresh_timeout_ms && is_refresh_to_be_replayed(reads.relids, reads.count, fixed)) {
        pause_waiting();
        if (has_new_snapshot)
            PopActiveSnapshot();
        renew_snapshot(query, false);
        fixed = {query->snapshot, GetCurrentTimestamp()};
        has_new_snapshot = true;
    }
    pass_barrier_as_of(reads.relids, reads.count, fixed);
    return has_new_snapshot;
}

/* Passes a statement in the way that its snapshot permits. Returns whether the statement has a new snapshot,
 * which is active then. */
bool pass_with_available_snapshot(QueryDesc *query, const Reads &reads)
{
    const QueryDesc *caller = outermost_running_under(query->snapshot);
    if (caller == nullptr && can_take_new_snapshot(query)) {
        const Passed ahead = refresh_ahead(reads.by_functions, reads.by_functions_count);
        record_wait(ahead);
        const bool has_refreshed = ahead.has_refreshed || has_refreshed_any(reads.relids, reads.count) ||
                                   has_refreshed_any(reads.by_functions, reads.by_functions_count);
        if (reads.count > 0)
            pass_to_new_snapshot(query, reads.relids, reads.count, has_refreshed);
        else
            take_new_snapshot(query, has_refreshed);
        return true;
    }
    if (reads.count == 0)
        return false;
    if (caller == nullptr && can_take_new_snapshot_on_standby())
        return pass_on_standby(query, reads);
    /* In REPEATABLE READ, functions of any volatility read under the snapshot of the first statement. */
    const QueryDesc *reader = caller == nullptr && IsolationUsesXactSnapshot() ? outermost_running() : caller;
    if (reader != nullptr)
        remember_function_reads(reader->plannedstmt, reads.relids, reads.count);
    const TimestampTz taken_at = IsolationUsesXactSnapshot() ? transaction_snapshot_time()
                                 : caller != nullptr         ? snapshot_time_of(caller)
                                                             : GetCurrentTimestamp();
    pass_barrier_as_of(reads.relids, reads.count, {query->snapshot, taken_at});
    return false;
}

bool pass(QueryDesc *query, const Reads &reads)
{
    if (!begin_wait())
        return pass_with_available_snapshot(query, reads);
    const Stopwatch waited;
    const bool has_new_snapshot = pass_with_available_snapshot(query, reads);
    wait.ms = static_cast<double>(waited.us()) / 1000;
    return has_new_snapshot;
}

void free_reads(const Reads &reads)
{
    for (const Oid *relids : {reads.relids, reads.by_functions})
        if (relids != nullptr)
            pfree(const_cast<Oid *>(relids));
}

struct Prepared {
    bool has_new_snapshot;
    MemoryContext plan_memory; /* of plan_exact_reads() */
    MemoryContext memory;      /* of prepare() */
};

constexpr int most_in_vain = 10;

/* PostgreSQL locks what a statement reads before it takes the snapshot, so a constraint that it plans by holds under
 * that, and so does a TRUNCATE. An exact read finds and locks the tables when the statement has its snapshot: a
 * transaction for which it waits, or CREATE UNIQUE INDEX, which waits for no reader, may have replaced rows, or removed
 * some and then added a constraint. If the statement can take a new snapshot, it then does. Each repetition follows
 * such a command: the number of those without an invalidation is limited. */
MemoryContext plan_exactly(QueryDesc *query, int flags, const Oid *relids, int count, bool *has_new_snapshot)
{
    PlannedStmt *plan = query->plannedstmt;
    PlanAge age = is_to_be_planned_again(plan) ? PlanAge::before_replacement : PlanAge::of_snapshot;
    for (int in_vain = 0;;) {
        const uint64 invalidations = SharedInvalidMessageCounter;
        MemoryContext memory;
        const Planned planned = plan_exact_reads(query, flags, relids, count, age, &memory);
        const bool can_renew = outermost_running_under(query->snapshot) == nullptr &&
                               (can_take_new_snapshot(query) || can_take_new_snapshot_on_standby());
        if (planned == Planned::source_is_replaced && (!can_renew || in_vain == most_in_vain))
            raise_replaced_source(relids, count, query->snapshot);
        if (planned == Planned::as_before || !can_renew)
            return memory;
        AcceptInvalidationMessages();
        in_vain = SharedInvalidMessageCounter == invalidations ? in_vain + 1 : 0;
        if (planned == Planned::again &&
            (SharedInvalidMessageCounter == invalidations || !relies_on_newer_constraint(query, relids, count)))
            return memory;
        age = PlanAge::before_replacement;
        query->plannedstmt = plan;
        if (memory != nullptr)
            MemoryContextDelete(memory);
        if (*has_new_snapshot)
            PopActiveSnapshot();
        take_new_snapshot(query, false);
        *has_new_snapshot = true;
        CHECK_FOR_INTERRUPTS();
    }
}

/* Lets a look-up of stored rows that no pending change concerns pass without a refresh, under a new snapshot: the rows
 * are those that a refresh would leave. Waits for no lock of a user. */
bool passes_without_refresh(QueryDesc *query, const Reads &reads)
{
    if (!looks_up_rows(query, reads.relids, reads.count) || !may_all_be_computed(reads.relids, reads.count))
        return false;
    renew_snapshot(query, false);
    List *relids = NIL;
    for (int i = 0; i < reads.count; i++)
        relids = lappend_oid(relids, reads.relids[i]);
    if (!is_to_be_planned_again(query->plannedstmt) && reads_untouched_rows(query, relids, SourceRows::are_not)) {
        (void)begin_wait();
        return true;
    }
    PopActiveSnapshot();
    return false;
}

/* Passes the barrier; what cannot be refreshed is read exactly. */
Prepared refresh_or_read_exactly(QueryDesc *query, int flags, const Reads &reads)
{
    const StartingStatement statement = {query, reads.relids, reads.count,
                                         begin_choices(query, may_call_readers(query->plannedstmt))};
    bool has_new_snapshot = false;
    List *unrefreshed = NIL;
    const Expected expected = reads.count > 0 && reads.by_functions_count == 0 && can_renew_snapshot(query)
                                  ? expected_of(reads.relids, reads.count)
                                  : Expected::anything;
    if (expected == Expected::request && passes_without_refresh(query, reads)) {
        note_exact_read(statement);
        return {true, nullptr, nullptr};
    }
    if (expected == Expected::nothing) {
        renew_snapshot(query, false);
        has_new_snapshot = true;
        (void)begin_wait();
    } else {
        enter([&] {
            NotingUnrefreshed noting(statement);
            has_new_snapshot = call([&] { return pass(query, reads); });
            unrefreshed = noting.noted();
        });
    }
    if (can_be_read_exactly(query->plannedstmt)) {
        int count = 0;
        const Oid *relids = tables_to_read_exactly(statement, unrefreshed, &count);
        MemoryContext memory = count > 0 ? plan_exactly(query, flags, relids, count, &has_new_snapshot) : nullptr;
        return {has_new_snapshot, memory, nullptr};
    }
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<Unrefreshed *>(lfirst(cell));
        if (noted->is_replaceable)
            apply_on_stale(noted->relid, noted->obstacle);
    }
    return {has_new_snapshot, nullptr, nullptr};
}

/* ---- exact reads that find nothing pending ---------------------------------------------- */

/* Returns true if the mailbox knows that no change is missing in the contents, and sets `contents` to the counters of
 * their changes. */
bool is_stored_exactly(Oid relid, mailbox::SourceCounters *contents)
{
    *contents = mailbox::observe(relid);
    const mailbox::MailboxStatus known = mailbox::status_of(relid);
    const mailbox::OwnEffects own = own_effects_on(relid);
    return known.is_known && !known.is_state_doubtful && known.state.is_populated && known.is_current() &&
           !own.has_changes && !own.holds_it;
}

bool are_same(const mailbox::SourceCounters &one, const mailbox::SourceCounters &other)
{
    return one.started == other.started && one.finished == other.finished &&
           one.database_started == other.database_started && one.database_finished == other.database_finished;
}

/* Reads the stored rows of an exact statement, under a new snapshot R: the contents of all of its stream tables lacked
 * nothing before R was taken, they lack nothing after that, and have not changed in between. So no change that R sees
 * was applied after R. Costs no look into a catalog or log. */
bool has_exact_stored_rows(QueryDesc *query, const Reads &reads, bool *has_new_snapshot)
{
    constexpr int most = 8;
    mailbox::SourceCounters before[most], after;
    if (reads.count > most || capture::has_open_statement() || !can_renew_snapshot(query))
        return false;
    for (int i = 0; i < reads.count; i++)
        if (!is_stored_exactly(reads.relids[i], &before[i]))
            return false;
    renew_snapshot(query, false);
    *has_new_snapshot = true;
    for (int i = 0; i < reads.count; i++)
        if (!is_stored_exactly(reads.relids[i], &after) || !are_same(before[i], after))
            return false;
    return !is_to_be_planned_again(query->plannedstmt);
}

Prepared read_exactly(QueryDesc *query, int flags, const Reads &reads)
{
    Prepared prepared = {};
    note_exact_read({query, reads.relids, reads.count, begin_choices(query, may_call_readers(query->plannedstmt))});
    if (can_renew_snapshot(query))
        fill_ahead(reads.relids, reads.count);
    if (has_exact_stored_rows(query, reads, &prepared.has_new_snapshot))
        return prepared;
    if (!prepared.has_new_snapshot && is_behind_earlier(query)) {
        renew_snapshot(query, false);
        prepared.has_new_snapshot = true;
    }
    prepared.plan_memory = plan_exactly(query, flags, reads.relids, reads.count, &prepared.has_new_snapshot);
    return prepared;
}

/* Passes the barrier, once the user is known to have the privileges that the executor checks after it. In memory of its
 * own: the caller's may be that of an SQL function, which is kept from one call to the next. */
Prepared prepare(QueryDesc *query, int flags, const Reads &reads)
{
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle barrier", ALLOCSET_DEFAULT_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(memory);
    check_rights(asked_rights(query->plannedstmt));
    Prepared prepared = is_read_exactly(query->plannedstmt, reads.relids, reads.count)
                            ? read_exactly(query, flags, reads)
                            : refresh_or_read_exactly(query, flags, reads);
    MemoryContextSwitchTo(previous);
    prepared.memory = memory;
    return prepared;
}

} // namespace

void start_behind_barrier(QueryDesc *query, int flags, const Next &next)
{
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) != 0 || query->snapshot == InvalidSnapshot) {
        next();
        return;
    }
    if (IsParallelWorker() && outermost_running() == nullptr)
        capture::add_open_statements(leader_reads());
    Reads reads = {};
    reads.relids = stream_tables_of(query->plannedstmt, &reads.count);
    reads.by_functions = function_reads_of(query->plannedstmt, &reads.by_functions_count);
    Prepared prepared = {};
    const bool has_readers = may_call_readers(query->plannedstmt);
    if (reads.count + reads.by_functions_count > 0 && is_reader())
        prepared = prepare(query, flags, reads);
    else if (is_behind_earlier(query) && is_reader()) {
        renew_snapshot(query, false);
        prepared.has_new_snapshot = true;
    }
    use_transaction_snapshot();
    /* Functions are called to prune partitions. */
    const int position = begin_starting(query);
    next();
    end_running_from(position);
    if (prepared.plan_memory != nullptr)
        MemoryContextSetParent(prepared.plan_memory, query->estate->es_query_cxt);
    attach_choices(query, has_readers);
    if (prepared.has_new_snapshot)
        PopActiveSnapshot();
    if (prepared.memory != nullptr)
        MemoryContextDelete(prepared.memory);
    free_reads(reads);
}

void run_under_own_snapshot(QueryDesc *query, const Next &next)
{
    bool is_pushed = push_snapshot(query);
    const int position = begin_running(query);
    const bool may_read_in_workers = query->plannedstmt->parallelModeNeeded && may_call_readers(query->plannedstmt);
    const int settings = may_read_in_workers ? pass_reads_to_workers(query) : 0;
    next();
    if (settings != 0)
        AtEOXact_GUC(true, settings);
    end_running_from(position);
    confirm_exact_reads(position);
    confirm_choices(position);
    if (is_pushed)
        PopActiveSnapshot();
}

void finish_under_own_snapshot(QueryDesc *query, const Next &next)
{
    bool is_pushed = push_snapshot(query);
    const int position = begin_running(query);
    next();
    end_running_from(position);
    if (is_pushed)
        PopActiveSnapshot();
}

void begin_recording_wait()
{
    is_wait_wanted = true;
    wait = {};
}

Wait recorded_wait()
{
    is_wait_wanted = false;
    return wait;
}

bool is_reader()
{
    static const bool is_ours =
        MyBgworkerEntry != nullptr && strcmp(MyBgworkerEntry->bgw_library_name, "pg_trickle") == 0;
    return !is_ours && !(IsParallelWorker() && outermost_running() == nullptr) && !refresh::is_running();
}

} // namespace pgtrickle
