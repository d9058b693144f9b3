/*
 * The launcher sees to it that every database with stream tables has a manager.
 *
 * It learns of them from three sides: the catalog's registry tells at a start which databases
 * had some; a backend that needs a manager and finds none pokes it; and after a start, or
 * whenever databases came or went, it looks into each database it has not yet looked into,
 * one after the other, by starting a manager there, which retires when there is nothing to do. It runs
 * no SQL and reads pg_database only then.
 */
#include "catalog/process.hpp"
#include "mailbox/manager_side.hpp"
#include "worker/transaction.hpp"
#include "worker/worker.hpp"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
}

#include <algorithm>
#include <climits>
#include <map>
#include <set>
#include <vector>

extern "C" {
PGDLLEXPORT void pgtrickle_launcher_main(Datum argument);
}

namespace pgtrickle::worker {

namespace {

constexpr int64_t restart_pause_us = 1'000'000;
constexpr int64_t no_slot_pause_us = 10'000'000;
constexpr int64_t soon_us = 100'000; /* an idle refresh worker makes room when it is told that room is lacking */
constexpr int soon_tries = 5;
constexpr long idle_ms = 60'000;

struct Running {
    BackgroundWorkerHandle *handle; /* in TopMemoryContext, freed when it has stopped */
    TimestampTz started_at;
};

class Launcher {
  public:
    void run();

  private:
    void notice_databases();
    void reap();
    void start_wanted();
    void look_into_next();
    bool start(Oid database);
    void put_off(Oid database, TimestampTz now);
    long pause_ms() const;

    std::map<Oid, Running> running_;
    std::map<Oid, TimestampTz> not_before_; /* a pause after a failure */
    std::set<Oid> looked_into_;
    std::vector<Oid> to_look_into_;
    Oid looking_into_ = InvalidOid;
    int tries_without_room_ = 0;
};

/* The databases that take connections, templates included. A PostgreSQL frame: the list
 * lives in the current context. */
List *list_databases()
{
    List *databases = NIL;
    ::Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
        auto *form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (form->datallowconn)
            databases = lappend_oid(databases, form->oid);
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    return databases;
}

std::vector<Oid> read_databases()
{
    std::vector<Oid> databases;
    (void)in_transaction([&] {
        List *list = call([] { return list_databases(); });
        ListCell *cell;
        foreach (cell, list)
            databases.push_back(lfirst_oid(cell));
    });
    return databases;
}

void Launcher::notice_databases()
{
    std::vector<Oid> databases = read_databases();
    if (databases.empty())
        return;
    catalog::Cluster cluster = catalog::this_cluster();
    std::vector<catalog::KnownDatabase> known;
    catalog::run([&](catalog::Database &catalog) {
        known = catalog::known_databases(catalog, cluster);
        for (const catalog::KnownDatabase &row : known) {
            if (std::find(databases.begin(), databases.end(), row.database) == databases.end())
                catalog::forget_database(catalog, row.database);
        }
    });
    mailbox::keep_databases(databases);
    to_look_into_.clear();
    for (Oid database : databases) {
        auto row = std::find_if(known.begin(), known.end(), [&](auto &k) { return k.database == database; });
        bool had_some = row != known.end() && row->stream_tables > 0;
        if (running_.count(database) != 0)
            continue;
        bool is_started = had_some && start(database);
        if (!is_started && (had_some || looked_into_.count(database) == 0))
            to_look_into_.push_back(database);
    }
}

void Launcher::reap()
{
    for (auto item = running_.begin(); item != running_.end();) {
        pid_t pid;
        if (GetBackgroundWorkerPid(item->second.handle, &pid) != BGWH_STOPPED) {
            ++item;
            continue;
        }
        Oid database = item->first;
        call([&] { pfree(item->second.handle); });
        not_before_[database] = item->second.started_at + restart_pause_us;
        if (mailbox::is_barred(database))
            looked_into_.erase(database);
        if (looking_into_ == database)
            looking_into_ = InvalidOid;
        item = running_.erase(item);
    }
}

bool Launcher::start(Oid database)
{
    TimestampTz now = GetCurrentTimestamp();
    auto pause = not_before_.find(database);
    /* A pause of later than any was set by a clock that has been set back. */
    bool is_pausing = pause != not_before_.end() && now < pause->second && pause->second <= now + no_slot_pause_us;
    if (mailbox::is_barred(database) || is_pausing)
        return false;
    BackgroundWorkerHandle *handle = call([=] {
        BackgroundWorker worker = {};
        worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
        worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
        worker.bgw_restart_time = BGW_NEVER_RESTART;
        worker.bgw_main_arg = ObjectIdGetDatum(database);
        worker.bgw_notify_pid = MyProcPid;
        strlcpy(worker.bgw_library_name, "pg_trickle", BGW_MAXLEN);
        strlcpy(worker.bgw_function_name, "pgtrickle_manager_main", BGW_MAXLEN);
        strlcpy(worker.bgw_name, "pg_trickle manager", BGW_MAXLEN);
        strlcpy(worker.bgw_type, "pg_trickle manager", BGW_MAXLEN);
        MemoryContextSwitchTo(TopMemoryContext);
        BackgroundWorkerHandle *made = nullptr;
        return RegisterDynamicBackgroundWorker(&worker, &made) ? made : nullptr;
    });
    if (handle == nullptr) {
        put_off(database, now);
        return false;
    }
    tries_without_room_ = 0;
    mailbox::launcher_lacks_process(false);
    not_before_.erase(database);
    running_[database] = {handle, now};
    looked_into_.insert(database);
    return true;
}

void Launcher::put_off(Oid database, TimestampTz now)
{
    mailbox::launcher_lacks_process(true);
    if (++tries_without_room_ < soon_tries) {
        not_before_[database] = now + soon_us;
        return;
    }
    tries_without_room_ = 0;
    mailbox::launcher_lacks_process(false);
    not_before_[database] = now + no_slot_pause_us;
    call([] {
        ereport(LOG, (errmsg("pg_trickle has no room for another manager"),
                      errhint("You might need to increase max_worker_processes.")));
    });
}

void Launcher::start_wanted()
{
    for (Oid database : mailbox::wished_managers()) {
        if (running_.count(database) != 0)
            continue;
        if (start(database))
            continue;
        auto pause = not_before_.find(database);
        bool is_soon = pause != not_before_.end() && pause->second < GetCurrentTimestamp() + restart_pause_us;
        if (!is_soon) {
            mailbox::settle_wish(database, false);
            to_look_into_.push_back(database);
        }
    }
}

void Launcher::look_into_next()
{
    while (looking_into_ == InvalidOid && !to_look_into_.empty()) {
        Oid database = to_look_into_.back();
        if (running_.count(database) == 0) {
            if (!start(database)) {
                auto pause = not_before_.find(database);
                if (pause != not_before_.end() && pause->second > GetCurrentTimestamp())
                    return; /* later */
            } else {
                looking_into_ = database;
            }
        }
        to_look_into_.pop_back();
    }
    /* A manager that has found work stays; the next look need not wait for it. */
    if (looking_into_ != InvalidOid && mailbox::manager_pid_of(looking_into_) != 0)
        looking_into_ = InvalidOid;
}

long Launcher::pause_ms() const
{
    bool is_waiting = !to_look_into_.empty() || looking_into_ != InvalidOid || !mailbox::wished_managers().empty();
    return is_waiting ? 100 : idle_ms;
}

void Launcher::run()
{
    while (!ShutdownRequestPending) {
        call([] {
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
            if (ConfigReloadPending) {
                ConfigReloadPending = false;
                ProcessConfigFile(PGC_SIGHUP);
            }
        });
        reap();
        if (mailbox::take_registry_doubt())
            notice_databases();
        start_wanted();
        look_into_next();
        long sleep_ms = pause_ms();
        call([=] {
            (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, sleep_ms, PG_WAIT_EXTENSION);
        });
    }
}

int max_log_mb = 1024;

} // namespace

int64_t max_log_bytes()
{
    return static_cast<int64_t>(max_log_mb) * 1024 * 1024;
}

void register_worker()
{
    if (!process_shared_preload_libraries_in_progress)
        return;
    DefineCustomIntVariable("pg_trickle.max_log_size",
                            "Size of a change log beyond which stream tables that hold it back start over.",
                            "0 means no limit.", &max_log_mb, 1024, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MB, nullptr,
                            nullptr, nullptr);
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = 5;
    strlcpy(worker.bgw_library_name, "pg_trickle", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "pgtrickle_launcher_main", BGW_MAXLEN);
    strlcpy(worker.bgw_name, "pg_trickle launcher", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "pg_trickle launcher", BGW_MAXLEN);
    RegisterBackgroundWorker(&worker);
}

} // namespace pgtrickle::worker

extern "C" void pgtrickle_launcher_main(Datum)
{
    using namespace pgtrickle;
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pgstat_report_appname("pg_trickle launcher");
    mailbox::become_launcher();
    mailbox::doubt_registry();
    enter([] {
        worker::Launcher launcher;
        launcher.run();
    });
    /* 0 would be taken for "never again": it is to come back unless the server stops. */
    proc_exit(1);
}
