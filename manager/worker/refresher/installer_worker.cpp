/*
 * The installer: begins the capture of sources for a stream table that another session creates or fills,
 * commits, and exits. See capture/installer.hpp.
 *
 * Invariant: SIGTERM cancels what the installer does instead of ending the process, which then exits by itself. A
 * session that does the work itself, or goes, ends its installer, and that is nothing for the server's log, where
 * PostgreSQL's own handler leaves a FATAL.
 */
#include "capture/capture.hpp"
#include "capture/installer.hpp"
#include "capture/source/source_locks.hpp"
#include "worker/transaction.hpp"
#include "worker/worker.hpp"

extern "C" {
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
}

extern "C" {
PGDLLEXPORT void pgtrickle_installer_main(Datum argument);
static void pgtrickle_end_installer(int signal);
}

namespace pgtrickle::worker {

namespace {

using capture::InstallerOutcome;
using capture::InstallerTask;

volatile sig_atomic_t is_asked_to_end = 0;

/* PostgreSQL frame. */
void install(const InstallerTask *task)
{
    QueryCancelHoldoffCount = 0;
    CHECK_FOR_INTERRUPTS();
    List *sources = NIL;
    const int32 *next = task->numbers;
    for (int i = 0; i < task->count; i++, next += 2 + next[1])
        sources = lappend_oid(sources, static_cast<Oid>(next[0]));
    capture::lock_sources(sources);
    /* Catalog rows may have toasted values, which PostgreSQL writes under an active snapshot only. */
    PushActiveSnapshot(GetLatestSnapshot());
    next = task->numbers;
    for (int i = 0; i < task->count; i++, next += 2 + next[1]) {
        auto *columns = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (next[1] + 1)));
        for (int column = 0; column < next[1]; column++)
            columns[column] = static_cast<AttrNumber>(next[2 + column]);
        capture::ensure_captured_for_others(static_cast<Oid>(next[0]), columns, next[1]);
    }
    PopActiveSnapshot();
}

void run(InstallerTask *task)
{
    const std::string limit = std::to_string(task->lock_timeout_ms);
    call([&] {
        SetConfigOption("lock_timeout", limit.c_str(), PGC_SUSET, PGC_S_OVERRIDE);
        SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
        pgstat_report_activity(STATE_RUNNING, "starting to capture sources of a stream table");
    });
    const std::optional<TransactionFailure> failure = in_transaction([=] { call([=] { install(task); }); });
    if (failure && is_asked_to_end == 0)
        call([&] {
            ereport(LOG,
                    (errcode(failure->sqlstate),
                     errmsg("could not start capturing the sources of a stream table: %s", failure->message.c_str()),
                     errdetail("The session that creates or fills it starts the capture in its own transaction.")));
        });
    const auto outcome = !failure                                          ? InstallerOutcome::done
                         : failure->sqlstate == ERRCODE_LOCK_NOT_AVAILABLE ? InstallerOutcome::timed_out
                                                                           : InstallerOutcome::failed;
    task->outcome = static_cast<int32>(outcome);
    /* Its exit, which the postmaster would report, takes as long as the work. */
    call([=] { SetLatch(&ProcGlobal->allProcs[task->reader].procLatch); });
}

} // namespace

} // namespace pgtrickle::worker

extern "C" void pgtrickle_end_installer(int signal)
{
    pgtrickle::worker::is_asked_to_end = 1;
    StatementCancelHandler(signal);
}

extern "C" void pgtrickle_installer_main(Datum argument)
{
    using namespace pgtrickle;
    QueryCancelHoldoffCount = 1; /* until there is a transaction to cancel; the macro does not compile as C++ 20 */
    pqsignal(SIGTERM, pgtrickle_end_installer);
    BackgroundWorkerUnblockSignals();
    dsm_segment *segment = dsm_attach(DatumGetUInt32(argument));
    if (segment == nullptr) /* the waiting session has gone */
        proc_exit(0);
    dsm_pin_mapping(segment);
    auto *task = static_cast<capture::InstallerTask *>(dsm_segment_address(segment));
    worker::connect_to(task->database);
    pgstat_report_appname("pg_trickle installer");
    enter([=] { worker::run(task); });
    proc_exit(0);
}
