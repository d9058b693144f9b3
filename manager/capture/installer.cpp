#include "capture/installer.hpp"

#include "capture/capture.hpp"
#include "capture/log/log_state.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/source_locks.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/triggers/open_statement.hpp"
#include "definition/lock_right.hpp"
#include "definition/stream_table.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/lock_chain.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"
}

#include <algorithm>

namespace pgtrickle::capture {

namespace {

/* ---- work for another process: PostgreSQL frames ---- */

bool is_created_here(Oid relid)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return true;
    const bool answer = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
    ReleaseSysCache(tuple);
    return answer;
}

bool is_locked_here(Oid relid)
{
    Relation relation = relation_open(relid, AccessShareLock);
    const bool answer = CheckRelationLockedByMe(relation, RowExclusiveLock, true);
    relation_close(relation, NoLock);
    return answer;
}

/* Returns the relations that capture of the source locks. */
List *locked_relations(Oid source)
{
    return definition::is_stream_table(source) ? list_make1_oid(source) : related_relations(source, NoLock);
}

bool is_for_others(Oid source)
{
    ListCell *cell;
    foreach (cell, locked_relations(source))
        if (is_created_here(lfirst_oid(cell)) || is_locked_here(lfirst_oid(cell)))
            return false;
    return true;
}

void wait_for_writers_of(const List *sources)
{
    List *relations = NIL;
    ListCell *cell;
    foreach (cell, sources)
        relations = list_concat_unique_oid(relations, locked_relations(lfirst_oid(cell)));
    wait_for_writers(relations);
}

void require_unused(Oid source)
{
    ListCell *cell;
    require_no_unlogged_changes(source);
    if (definition::is_stream_table(source))
        return;
    foreach (cell, locked_relations(source)) {
        Relation relation = relation_open(lfirst_oid(cell), AccessShareLock);
        CheckTableNotInUse(relation, "capture changes of");
        relation_close(relation, NoLock);
    }
}

/* ---- the process ---- */

/* How long an installer waits for a lock, with writers behind it and a process of the server in use: at
 * first, and after many attempts. */
constexpr int first_wait_ms = 1000, longest_wait_ms = 30'000;

/* The turn of an owner, who has one installer in the whole server. A session waits for its turn as for any
 * lock, and uses no process meanwhile. */
LOCKTAG turn_of(Oid owner)
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, InvalidOid, AuthIdRelationId, owner, 1);
    return tag;
}

void take_turn(Oid owner)
{
    const LOCKTAG tag = turn_of(owner);
    (void)LockAcquire(&tag, ExclusiveLock, false, false);
    AcceptInvalidationMessages();
}

void end_turn(Oid owner)
{
    const LOCKTAG tag = turn_of(owner);
    (void)LockRelease(&tag, ExclusiveLock, false);
    AcceptInvalidationMessages();
}

/* The installer of this process while it runs. It is terminated if its session goes away: it may be waiting
 * for a lock, with writers behind it. */
BackgroundWorkerHandle *installer = nullptr;

void end_installer() noexcept
{
    if (installer == nullptr)
        return;
    TerminateBackgroundWorker(installer);
    pfree(installer);
    installer = nullptr;
}

extern "C" void end_installer_at_exit(int, Datum)
{
    end_installer();
}

struct EndOfInstaller {
    ~EndOfInstaller() { end_installer(); }
};

/* Returns false if no process is available. PostgreSQL frame. */
bool launch(dsm_handle handle)
{
    static bool is_registered = false;
    if (!is_registered)
        before_shmem_exit(end_installer_at_exit, Datum{0});
    is_registered = true;
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_name, "pg_trickle installer of capture", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, mailbox::process_type::installer, sizeof(worker.bgw_type));
    strlcpy(worker.bgw_library_name, "pg_trickle", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "pgtrickle_installer_main", sizeof(worker.bgw_function_name));
    worker.bgw_main_arg = UInt32GetDatum(handle);
    worker.bgw_notify_pid = MyProcPid;
    MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
    const bool is_launched = RegisterDynamicBackgroundWorker(&worker, &installer);
    MemoryContextSwitchTo(before);
    if (!is_launched)
        installer = nullptr;
    return is_launched;
}

bool has_outcome(const InstallerTask *task)
{
    return task->outcome != static_cast<int32>(InstallerOutcome::none);
}

/* Waits until the installer has an outcome or has ended. Returns false if the installer waits for this
 * transaction, directly or indirectly. PostgreSQL frame. */
bool wait_for_installer(const InstallerTask *task)
{
    const long probing_ms = std::max(DeadlockTimeout / 4, 10);
    for (;;) {
        pid_t pid = 0;
        const BgwHandleStatus status = GetBackgroundWorkerPid(installer, &pid);
        if (status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED || has_outcome(task))
            return true;
        const int happened =
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, probing_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if ((happened & WL_TIMEOUT) != 0 && status == BGWH_STARTED && waits_for_me(pid))
            return false;
    }
}

std::vector<int32> numbers_of(const std::vector<const WantedSource *> &wanted)
{
    std::vector<int32> numbers;
    for (const WantedSource *source : wanted) {
        numbers.push_back(static_cast<int32>(source->relid));
        numbers.push_back(static_cast<int32>(source->columns.size()));
        numbers.insert(numbers.end(), source->columns.begin(), source->columns.end());
    }
    return numbers;
}

InstallerOutcome run_installer(const std::vector<const WantedSource *> &wanted, int lock_timeout_ms)
{
    const std::vector<int32> numbers = numbers_of(wanted);
    const Size size = offsetof(InstallerTask, numbers) + sizeof(int32) * numbers.size();
    dsm_segment *segment = call([=] { return dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS); });
    if (segment == nullptr)
        return InstallerOutcome::none;
    auto *task = static_cast<InstallerTask *>(dsm_segment_address(segment));
    task->database = MyDatabaseId;
    task->reader = own_process_number();
    task->lock_timeout_ms = lock_timeout_ms;
    task->count = static_cast<int32>(wanted.size());
    task->outcome = static_cast<int32>(InstallerOutcome::none);
    std::copy(numbers.begin(), numbers.end(), task->numbers);
    EndOfInstaller at_end;
    const bool is_launched = call([=] { return launch(dsm_segment_handle(segment)); });
    const bool is_deadlock = is_launched && !call([=] { return wait_for_installer(task); });
    const auto outcome = is_deadlock ? InstallerOutcome::is_deadlock : static_cast<InstallerOutcome>(task->outcome);
    call([=] { dsm_detach(segment); });
    return outcome;
}

/* ---- the requesting session ---- */

bool is_captured(const WantedSource &source)
{
    return call([&] {
        return definition::is_compared(source.relid) ||
               is_captured_with(source.relid, source.columns.data(), static_cast<int>(source.columns.size()));
    });
}

std::vector<const WantedSource *> missing_of(const std::vector<WantedSource> &wanted)
{
    std::vector<const WantedSource *> missing;
    for (const WantedSource &source : wanted)
        if (!is_captured(source))
            missing.push_back(&source);
    return missing;
}

List *relids_of(const std::vector<const WantedSource *> &sources)
{
    return call([&] {
        List *relids = NIL;
        for (size_t i = 0; i < sources.size(); i++)
            relids = lappend_oid(relids, sources[i]->relid);
        return relids;
    });
}

bool is_for_installer(const std::vector<const WantedSource *> &missing)
{
    return call([&] {
        bool answer = IsUnderPostmaster && !is_created_here(source_table());
        for (size_t i = 0; i < missing.size(); i++)
            answer = answer && refusal(missing[i]->relid) == nullptr && is_for_others(missing[i]->relid);
        return answer;
    });
}

/* How long installers may wait for locks: each attempt longer than the last one, and all together not longer
 * than the session's lock_timeout. */
class WaitBudget {
  public:
    int next_ms() const { return LockTimeout > 0 ? std::min(next_ms_, LockTimeout - spent_ms_) : next_ms_; }
    void note_timeout()
    {
        spent_ms_ += LockTimeout > 0 ? next_ms() : 0;
        next_ms_ = std::min(2 * next_ms_, longest_wait_ms);
    }
    bool is_at_end() const { return LockTimeout > 0 && spent_ms_ >= LockTimeout; }

  private:
    int next_ms_ = first_wait_ms;
    int spent_ms_ = 0;
};

[[noreturn]] void raise_timeout()
{
    raise(
        {.sqlstate = ERRCODE_LOCK_NOT_AVAILABLE,
         .message = "could not start capturing changes of a source in time",
         .detail =
             "Another transaction writes to the source, or holds a lock on it, for longer than lock_timeout allows."});
}

/* Has installers capture the sources; returns those of `wanted` that are not captured afterwards, and sets `last` to
 * the outcome of the last installer. */
std::vector<const WantedSource *> install_elsewhere(const std::vector<WantedSource> &wanted, Oid owner,
                                                    InstallerOutcome *last)
{
    std::vector<const WantedSource *> missing = missing_of(wanted);
    for (WaitBudget patience; !missing.empty() && is_for_installer(missing);) {
        List *sources = relids_of(missing);
        call([=] {
            wait_for_writers_of(sources);
            take_turn(owner);
        });
        missing = missing_of(wanted);
        mailbox::note_definition_attempt();
        const InstallerOutcome outcome =
            missing.empty() ? InstallerOutcome::done : run_installer(missing, patience.next_ms());
        call([=] { end_turn(owner); });
        missing = missing_of(wanted);
        *last = outcome;
        if (outcome != InstallerOutcome::timed_out)
            break;
        patience.note_timeout();
        if (patience.is_at_end() && !missing.empty())
            raise_timeout();
    }
    return missing;
}

/* Raises 40P01, 55000 or 53000 for a stream table if the session may not block its refreshes: SELECT is enough to read
 * its log, whereas tables are captured only for roles that may lock them. `is_possible`: an installer could have begun
 * the capture. PostgreSQL frame. */
void require_lock_right(Oid source, InstallerOutcome outcome, bool is_possible)
{
    if (!definition::is_stream_table(source) || definition::may_stop_refreshes(source))
        return;
    if (outcome == InstallerOutcome::is_deadlock)
        ereport(ERROR, (errcode(ERRCODE_T_R_DEADLOCK_DETECTED), errmsg("deadlock detected"),
                        errdetail("This transaction waits for a background process to start logging the changes of "
                                  "stream table \"%s\"; the process waits for a lock that this transaction holds.",
                                  get_rel_name(source)),
                        errhint("Create the stream table in a transaction of its own.")));
    if (!is_possible)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("could not start logging the changes of stream table \"%s\"", get_rel_name(source)),
                 errdetail("This transaction has created, altered or locked it or another source, also by GRANT, "
                           "and is not permitted to block its refreshes."),
                 errhint("Create the stream table in a transaction of its own.")));
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                    errmsg("could not start logging the changes of stream table \"%s\"", get_rel_name(source)),
                    errdetail("No background process was available, and this transaction is not permitted to block "
                              "refreshes of the stream table."),
                    errhint("Try again, or increase max_worker_processes.")));
}

/* Begins the capture in this transaction. */
void install_here(const std::vector<const WantedSource *> &missing, InstallerOutcome outcome)
{
    const bool is_possible = is_for_installer(missing);
    for (const WantedSource *source : missing)
        call([&] { require_lock_right(source->relid, outcome, is_possible); });
    List *sources = relids_of(missing);
    call([=] { lock_sources(sources); });
    for (const WantedSource *source : missing)
        call([&] {
            /* A snapshot is needed to write rows with long values. */
            PushActiveSnapshot(GetLatestSnapshot());
            ensure_captured(source->relid, source->columns.data(), static_cast<int>(source->columns.size()));
            PopActiveSnapshot();
        });
}

} // namespace

void begin_capture(const std::vector<WantedSource> &wanted, Oid owner)
{
    for (const WantedSource &source : wanted)
        call([&] {
            if (definition::is_compared(source.relid))
                return;
            claim(source.relid);
            require_unused(source.relid);
        });
    InstallerOutcome outcome = InstallerOutcome::none;
    const std::vector<const WantedSource *> missing = install_elsewhere(wanted, owner, &outcome);
    if (!missing.empty())
        install_here(missing, outcome);
    for (const WantedSource &source : wanted)
        call([&] { lock_logs(source.relid); });
}

} // namespace pgtrickle::capture
