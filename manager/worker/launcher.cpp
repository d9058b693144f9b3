/*
 * The launcher, which ensures that every database with stream tables has a manager.
 *
 * It learns of such databases in three ways. At its start, the registry in the catalog lists databases that
 * had stream tables. A backend that needs a manager and finds none wakes the launcher. After the start, and
 * whenever databases were created or dropped, it examines each database that it has not examined yet, one
 * after the other, by starting a manager there, which retires if there is nothing to do. The launcher runs no
 * SQL, and reads pg_database only in the last case, and before it starts a manager.
 *
 * A database that accepts no connections has no manager: one that has is asked to exit. While one lacks a manager for
 * that reason, each idle wake-up reads pg_database, as an UPDATE of it signals nothing.
 *
 * If there are more databases than processes (max_worker_processes), the databases take turns: the one that
 * has been without a manager for the longest time is next, in place of the manager that has been running for
 * the longest time.
 */
#include "catalog/process.hpp"
#include "mailbox/manager_side.hpp"
#include "scheduler/time/pause.hpp"
#include "worker/transaction.hpp"
#include "worker/wakeup.hpp"
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
#include <map>
#include <set>
#include <vector>

extern "C" {
PGDLLEXPORT void pgtrickle_launcher_main(Datum argument);
}

namespace pgtrickle::worker {

namespace {

constexpr int64_t restart_pause_us = 1'000'000;
constexpr int64_t longest_pause_us = 60'000'000; /* where managers repeatedly fail to begin */
constexpr long soon_ms = 100;                    /* an idle refresh worker exits when a process is lacking … */
constexpr int64_t read_pause_us = 100'000;       /* after a failure */
constexpr int64_t soon_us = 500'000;             /* … within this time; otherwise there is no room */
constexpr int64_t no_room_us = 3'000'000;        /* after this time a manager is asked to make room */
constexpr int64_t turn_us = 5'000'000;           /* if it has been running for this time */
constexpr int64_t log_pause_us = 600'000'000;
constexpr long idle_ms = 60'000;

struct Running {
    BackgroundWorkerHandle *handle; /* in TopMemoryContext, freed when the process has stopped */
    TimestampTz started_at;
};

class Launcher {
  public:
    void run();

  private:
    bool notice_databases();
    void read_registry();
    void reap();
    int64_t next_pause_us(Oid database);
    bool has_manager(Oid database) const;
    bool is_looking() const;
    void start_waiting();
    std::vector<Oid> waiting() const;
    bool may_start(Oid database) const;
    bool pass_over(Oid database);
    bool start(Oid database);
    void lack_room(TimestampTz now);
    void settle_start_requests();
    void ask_for_room(TimestampTz now);
    void forget_others(const std::vector<Oid> &databases);
    void forget_gone();
    long pause_ms() const;

    std::map<Oid, Running> running_;
    std::map<Oid, TimestampTz> not_before_; /* end of the pause after a failure */
    std::map<Oid, int64_t> pauses_us_;      /* pauses of databases where the last manager failed to begin */
    std::map<Oid, uint64_t> last_started_;  /* number of the last start, counting all starts */
    uint64_t start_count_ = 0;
    std::set<Oid> examined_;
    std::set<Oid> to_examine_;
    std::set<Oid> closed_; /* databases that need a manager or an examination, but accept no connections */
    std::set<Oid> gone_;   /* dropped databases of which the catalog still has rows */
    Oid examining_ = InvalidOid;
    TimestampTz no_room_since_ = 0; /* or since the last start or request to make room; 0: none had to wait */
    TimestampTz logged_at_ = 0;
    TimestampTz read_failed_at_ = 0;
    bool is_registry_doubtful_ = false; /* the list of databases must be read, or could not be read */
};

/* The databases that accept connections, and all others, including templates and partly dropped ones. */
struct Databases {
    std::vector<Oid> open, closed;
};

/* The lists of the databases that accept connections and of all others are allocated in the current memory context. A
 * PostgreSQL frame. */
void list_databases(List **open, List **closed)
{
    ::Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
        auto *form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        List **list = form->datallowconn && !database_is_invalid_form(form) ? open : closed;
        *list = lappend_oid(*list, form->oid);
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
}

/* Returns no databases if they could not be read. */
Databases read_databases()
{
    Databases databases;
    const bool has_failed = in_transaction([&] {
                                List *open = NIL, *closed = NIL;
                                call([&] { list_databases(&open, &closed); });
                                ListCell *cell;
                                foreach (cell, open)
                                    databases.open.push_back(lfirst_oid(cell));
                                foreach (cell, closed)
                                    databases.closed.push_back(lfirst_oid(cell));
                            }).has_value();
    return has_failed ? Databases() : databases;
}

bool contains(const std::vector<Oid> &databases, Oid database)
{
    return std::find(databases.begin(), databases.end(), database) != databases.end();
}

/* Returns false if the databases could not be read. */
bool Launcher::notice_databases()
{
    const auto [open, closed] = read_databases();
    if (open.empty())
        return false;
    std::vector<Oid> existing = open;
    existing.insert(existing.end(), closed.begin(), closed.end());
    catalog::Cluster cluster = catalog::this_cluster();
    std::vector<catalog::KnownDatabase> known;
    const bool is_known =
        catalog::run([&](catalog::Database &catalog) { known = catalog::known_databases(catalog, cluster); });
    gone_.clear();
    for (const catalog::KnownDatabase &row : known)
        if (!contains(existing, row.database))
            gone_.insert(row.database);
    mailbox::keep_databases(existing);
    std::for_each(closed.begin(), closed.end(), mailbox::ask_to_leave);
    std::erase_if(closed_, [&](Oid database) { return !contains(closed, database); });
    forget_others(open);
    for (Oid database : open) {
        auto row = std::find_if(known.begin(), known.end(), [&](auto &k) { return k.database == database; });
        bool had_some = row != known.end() && row->stream_tables > 0;
        if (has_manager(database)) {
            last_started_.try_emplace(database, ++start_count_); /* started by another launcher */
            continue;
        }
        bool is_started = had_some && no_room_since_ == 0 && may_start(database) && start(database);
        if (!is_started && (had_some || !is_known || examined_.count(database) == 0))
            to_examine_.insert(database);
    }
    return true;
}

/* Reads the list of databases if it may have changed. */
void Launcher::read_registry()
{
    is_registry_doubtful_ = mailbox::take_registry_doubt() || is_registry_doubtful_;
    if (!is_registry_doubtful_ || scheduler::is_pausing(GetCurrentTimestamp(), read_failed_at_, read_pause_us))
        return;
    is_registry_doubtful_ = !notice_databases();
    read_failed_at_ = is_registry_doubtful_ ? GetCurrentTimestamp() : 0;
}

/* Deletes rows of the catalog that belong to dropped databases, in small portions so that no other process
 * waits for long. */
void Launcher::forget_gone()
{
    if (!gone_.empty() && !catalog::forget_history(*gone_.begin()))
        gone_.erase(gone_.begin());
}

void Launcher::forget_others(const std::vector<Oid> &databases)
{
    auto is_gone = [&](Oid database) { return !contains(databases, database); };
    std::erase_if(not_before_, [&](auto &item) { return is_gone(item.first); });
    std::erase_if(pauses_us_, [&](auto &item) { return is_gone(item.first); });
    std::erase_if(last_started_, [&](auto &item) { return is_gone(item.first); });
    std::erase_if(examined_, is_gone);
    std::erase_if(to_examine_, is_gone);
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
        not_before_[database] = item->second.started_at + next_pause_us(database);
        if (examining_ == database)
            examining_ = InvalidOid;
        item = running_.erase(item);
    }
}

/* Where something prevents managers from beginning, such as a damaged database, each attempt is an error in
 * the log. */
int64_t Launcher::next_pause_us(Oid database)
{
    if (mailbox::has_come(database)) {
        pauses_us_.erase(database);
        return restart_pause_us;
    }
    int64_t &pause_us = pauses_us_.try_emplace(database, restart_pause_us / 2).first->second;
    pause_us = std::min(2 * pause_us, longest_pause_us);
    return pause_us;
}

bool Launcher::may_start(Oid database) const
{
    auto pause = not_before_.find(database);
    TimestampTz now = GetCurrentTimestamp();
    /* A pause longer than the longest one was set by a clock that has been set back since. */
    bool is_paused = pause != not_before_.end() && now < pause->second && pause->second <= now + longest_pause_us;
    return !is_paused && !mailbox::is_blocked(database);
}

/* Removes a database that does not accept connections: a manager would fail to begin again and again. It is examined
 * when it accepts them. */
bool Launcher::pass_over(Oid database)
{
    const Databases databases = read_databases();
    if (databases.open.empty() || contains(databases.open, database))
        return false;
    mailbox::settle_start_request(database);
    to_examine_.erase(database);
    examined_.erase(database);
    if (contains(databases.closed, database))
        closed_.insert(database);
    return true;
}

/* Returns false if there is no room for another process. */
bool Launcher::start(Oid database)
{
    TimestampTz now = GetCurrentTimestamp();
    BackgroundWorkerHandle *handle = !mailbox::expect_manager(database) ? nullptr : call([=] {
        BackgroundWorker worker = {};
        worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
        worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
        worker.bgw_restart_time = BGW_NEVER_RESTART;
        worker.bgw_main_arg = ObjectIdGetDatum(database);
        worker.bgw_notify_pid = MyProcPid;
        strlcpy(worker.bgw_library_name, "pg_trickle", BGW_MAXLEN);
        strlcpy(worker.bgw_function_name, "pgtrickle_manager_main", BGW_MAXLEN);
        strlcpy(worker.bgw_name, "pg_trickle manager", BGW_MAXLEN);
        strlcpy(worker.bgw_type, mailbox::process_type::manager, BGW_MAXLEN);
        MemoryContextSwitchTo(TopMemoryContext);
        BackgroundWorkerHandle *made = nullptr;
        return RegisterDynamicBackgroundWorker(&worker, &made) ? made : nullptr;
    });
    if (handle == nullptr) {
        lack_room(now);
        return false;
    }
    if (no_room_since_ != 0)
        no_room_since_ = now; /* those behind it in the order still wait */
    mailbox::launcher_lacks_process(false);
    not_before_.erase(database);
    to_examine_.erase(database);
    running_[database] = {handle, now};
    last_started_[database] = ++start_count_;
    examined_.insert(database);
    return true;
}

void Launcher::lack_room(TimestampTz now)
{
    if (no_room_since_ == 0 || now < no_room_since_)
        no_room_since_ = now; /* also if the clock has been set back */
    bool is_soon = now < no_room_since_ + soon_us;
    mailbox::launcher_lacks_process(is_soon);
    if (!is_soon) {
        mailbox::managers_take_turns(true);
        settle_start_requests();
    }
    if (now >= no_room_since_ + no_room_us)
        ask_for_room(now);
}

/* Answers readers that wait for a manager of a database without one, as they need not wait for its turn; the
 * databases remain to be examined. */
void Launcher::settle_start_requests()
{
    for (Oid database : mailbox::requested_managers()) {
        if (running_.count(database) != 0)
            continue;
        mailbox::settle_start_request(database);
        to_examine_.insert(database);
    }
}

/* Makes a manager exit that has been running for long, whichever launcher has started it, and terminates
 * managers that cannot begin. */
void Launcher::ask_for_room(TimestampTz now)
{
    no_room_since_ = now;
    mailbox::ask_for_room(now, turn_us);
    for (auto &[database, running] : running_) {
        BackgroundWorkerHandle *handle = running.handle;
        if (now >= running.started_at + turn_us && !mailbox::has_come(database))
            call([=] { TerminateBackgroundWorker(handle); });
    }
    if (scheduler::is_pausing(now, logged_at_, log_pause_us))
        return;
    logged_at_ = now;
    call([] {
        ereport(LOG, (errmsg("too few worker processes for a pg_trickle manager in each database; managers take turns"),
                      errhint("You might need to increase max_worker_processes.")));
    });
}

/* Databases without a manager that need one or must be examined, least recently started first. */
std::vector<Oid> Launcher::waiting() const
{
    std::vector<Oid> databases = mailbox::requested_managers();
    for (Oid database : to_examine_)
        if (!contains(databases, database))
            databases.push_back(database);
    auto last_started = [this](Oid database) {
        auto found = last_started_.find(database);
        return found == last_started_.end() ? 0 : found->second;
    };
    std::stable_sort(databases.begin(), databases.end(),
                     [&](Oid a, Oid b) { return last_started(a) < last_started(b); });
    return databases;
}

/* Whether the database has a manager, including one that has not registered yet, or whose end has not been
 * noticed yet. */
bool Launcher::has_manager(Oid database) const
{
    return running_.count(database) != 0 || mailbox::manager_pid_of(database) != 0;
}

/* Whether a database is being examined, so that the next one must wait. Not if its manager has found work and
 * stays, nor if that takes long, as while another session has locked the database. */
bool Launcher::is_looking() const
{
    auto looking = running_.find(examining_);
    if (looking == running_.end() || mailbox::manager_pid_of(examining_) != 0)
        return false;
    return scheduler::is_pausing(GetCurrentTimestamp(), looking->second.started_at, turn_us);
}

void Launcher::start_waiting()
{
    for (Oid database : waiting()) {
        if (has_manager(database)) {
            to_examine_.erase(database);
            continue;
        }
        bool is_look = to_examine_.count(database) != 0;
        bool must_wait = is_look && is_looking();
        if (must_wait && no_room_since_ != 0) {
            lack_room(GetCurrentTimestamp()); /* a process that has become free is not for one behind it */
            return;
        }
        if (must_wait || !may_start(database) || pass_over(database))
            continue;
        if (!start(database))
            return;
        if (is_look)
            examining_ = database;
    }
    no_room_since_ = 0;
    mailbox::launcher_lacks_process(false);
    mailbox::managers_take_turns(false);
}

long Launcher::pause_ms() const
{
    if (no_room_since_ != 0 && GetCurrentTimestamp() >= no_room_since_ + soon_us)
        return 5 * soon_ms;
    bool is_waiting = is_registry_doubtful_ || !to_examine_.empty() || is_looking() || mailbox::is_start_requested() ||
                      !gone_.empty();
    return is_waiting ? soon_ms : idle_ms;
}

void Launcher::run()
{
    while (!ShutdownRequestPending) {
        (void)call([] { return wake_up(); });
        reap();
        if (mailbox::take_lost_start_request()) {
            examined_.clear();
            is_registry_doubtful_ = true;
        }
        read_registry();
        start_waiting();
        forget_gone();
        long sleep_ms = pause_ms();
        const int events = call([=] {
            return WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, sleep_ms, PG_WAIT_EXTENSION);
        });
        if (sleep_ms == idle_ms && (events & WL_TIMEOUT) != 0 && !closed_.empty())
            is_registry_doubtful_ = true;
    }
}

} // namespace

void register_worker()
{
    if (!process_shared_preload_libraries_in_progress)
        return;
    /* pg_upgrade requires that no other process is connected to the databases. */
    if (IsBinaryUpgrade)
        return;
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = 5;
    strlcpy(worker.bgw_library_name, "pg_trickle", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "pgtrickle_launcher_main", BGW_MAXLEN);
    strlcpy(worker.bgw_name, "pg_trickle launcher", BGW_MAXLEN);
    strlcpy(worker.bgw_type, mailbox::process_type::launcher, BGW_MAXLEN);
    RegisterBackgroundWorker(&worker);
}

} // namespace pgtrickle::worker

extern "C" void pgtrickle_launcher_main(Datum)
{
    using namespace pgtrickle;
    worker::receive_signals(SignalHandlerForShutdownRequest);
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pgstat_report_appname("pg_trickle launcher");
    mailbox::become_launcher();
    mailbox::doubt_registry();
    enter([] {
        worker::Launcher launcher;
        launcher.run();
    });
    /* An exit code of 0 would mean "never restart": the launcher must be restarted unless the server
     * stops. */
    proc_exit(1);
}
