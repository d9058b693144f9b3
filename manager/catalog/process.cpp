/*
 * The history of refreshes that run in a user's transaction waits in memory for the end of the transaction,
 * and is written in the transaction callback: the commit is visible by then, and nothing here calls
 * PostgreSQL while the catalog is open. Rows that cannot be written because another process holds the file
 * locked for long are appended to a file of their own (spool.hpp). If that fails too, they stay in memory
 * until the next write or the end of the process.
 */
#include "catalog/process.hpp"

#include "catalog/spool.hpp"
#include "catalog/tables/retention.hpp"

extern "C" {
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
}

#include <chrono>
#include <sys/stat.h>

namespace pgtrickle::catalog {

namespace {

struct Waiting {
    Refresh refresh;
    SubTransactionId subtransaction;
};

struct Local {
    std::vector<Waiting> waiting;        /* for the end of the transaction */
    std::vector<SpooledRefresh> overdue; /* rows that could not be written anywhere */
    bool has_warned = false;             /* since history was last written */
    bool writes_at_exit = false;
    std::string database_name;
};

constexpr size_t most_overdue = 1000;
/* Pages of the write-ahead log after which run() makes a checkpoint. Workers have more time than backends,
 * and do it earlier. */
constexpr int pages_of_worker = 4000;
constexpr int pages_of_backend = 16'000;
constexpr std::chrono::milliseconds batches_take(100);
constexpr int64_t rows_at_once = 1000;
constexpr int64_t rows_between_counts = 10'000;

Local &local()
{
    static Local instance;
    return instance;
}

std::string folder()
{
    return std::string(DataDir) + "/pg_trickle";
}

Database &mine()
{
    static Database database(folder());
    database.checkpoint_after(MyBgworkerEntry != nullptr ? pages_of_worker : pages_of_backend);
    return database;
}

/* A reason, as DETAIL of a message. */
std::string sentence(std::string reason)
{
    if (!reason.empty())
        reason[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(reason[0])));
    return reason + ".";
}

void warn_once(const char *message, const char *hint)
{
    if (local().has_warned)
        return;
    local().has_warned = true;
    const std::string reason = sentence(mine().failure());
    call([&] {
        ereport(WARNING, (errcode(ERRCODE_IO_ERROR), errmsg_internal("%s", message), errdetail("%s", reason.c_str()),
                          errhint("%s", hint)));
    });
}

void warn_of_write()
{
    warn_once("could not write the catalog of pg_trickle",
              "Stream tables are maintained and read as before, but their refresh history is not recorded.");
}

void report_notice()
{
    std::string notice = mine().take_notice();
    if (notice.empty())
        return;
    notice = sentence(notice);
    call([&] {
        ereport(WARNING,
                (errmsg("pg_trickle has recreated its catalog \"pg_trickle/catalog.db\""),
                 errdetail("%s", notice.c_str()),
                 errhint("Some of the refresh history may be lost; stream tables are maintained and read as before.")));
    });
}

void write_refresh(Database &catalog, const SpooledRefresh &late)
{
    write_history(catalog, late.database, late.refresh);
    add_statistics(catalog, late.database, late.refresh);
    if (late.refresh.status == RefreshStatus::completed)
        add_measured(catalog, late.database, late.refresh);
}

/* Writes `refreshes`, and the rows that other processes had to append to the spool. */
bool write_all(const std::vector<SpooledRefresh> &refreshes)
{
    std::optional<SpooledRefreshes> earlier;
    bool is_written = mine().run([&](Database &catalog) {
        earlier.emplace(folder());
        for (const SpooledRefresh &late : earlier->rows())
            write_refresh(catalog, late);
        for (const SpooledRefresh &late : refreshes)
            write_refresh(catalog, late);
    });
    if (is_written)
        earlier->forget();
    return is_written;
}

/* Writes the rows of the spool, so that a reader of the history sees them. */
void write_spooled()
{
    if (is_any_spooled(folder()))
        write_all({});
}

extern "C" void pgtrickle_catalog_exit(int, Datum)
{
    enter([] {
        if (!local().overdue.empty())
            (void)(write_all(local().overdue) || append_to_spool(folder(), local().overdue));
    });
}

void write(const std::vector<Refresh> &refreshes)
{
    Local &own = local();
    std::vector<SpooledRefresh> rows;
    rows.swap(own.overdue);
    for (const Refresh &refresh : refreshes)
        rows.push_back({MyDatabaseId, refresh});
    bool is_written = write_all(rows);
    report_notice();
    if (is_written) {
        own.has_warned = false;
        return;
    }
    if (mine().is_busy() && append_to_spool(folder(), rows))
        return;
    warn_of_write();
    if (rows.size() < most_overdue)
        own.overdue.swap(rows);
    if (!own.writes_at_exit)
        call([] { before_shmem_exit(pgtrickle_catalog_exit, 0); });
    own.writes_at_exit = true;
}

/* A refresh that completed did not fail: it counts as one that was not made. */
void undo(Refresh *refresh)
{
    if (refresh->status == RefreshStatus::completed) {
        refresh->status = RefreshStatus::skipped;
        refresh->error_message = "the transaction was rolled back";
    }
}

void end_transaction(XactEvent event)
{
    Local &own = local();
    if (own.waiting.empty())
        return;
    std::vector<Refresh> refreshes;
    for (Waiting &waiting : own.waiting) {
        if (event == XACT_EVENT_ABORT)
            undo(&waiting.refresh);
        /* It is not known whether a prepared transaction will be committed. */
        if (event == XACT_EVENT_PREPARE && waiting.refresh.status == RefreshStatus::completed)
            continue;
        refreshes.push_back(std::move(waiting.refresh));
    }
    own.waiting.clear();
    write(refreshes);
}

} // namespace

void at_transaction_event(XactEvent event)
{
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    if (local().waiting.empty())
        return;
    enter([&] {
        /* The transaction is over: an error here would be a PANIC, so history is lost instead. PostgreSQL's end of a
         * transaction holds interrupts off, and an error would forget that. */
        const uint32 holdoffs = InterruptHoldoffCount;
        try {
            end_transaction(event);
        } catch (const std::bad_alloc &) {
            local().waiting.clear();
            InterruptHoldoffCount = holdoffs;
        } catch (const PgError &) {
            local().waiting.clear();
            InterruptHoldoffCount = holdoffs;
        }
    });
}

void at_subtransaction_event(SubXactEvent event, SubTransactionId mine_id, SubTransactionId parent_id)
{
    if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
        return;
    for (Waiting &waiting : local().waiting) {
        if (waiting.subtransaction != mine_id)
            continue;
        waiting.subtransaction = parent_id;
        if (event == SUBXACT_EVENT_ABORT_SUB)
            enter([&] { undo(&waiting.refresh); });
    }
}

bool run(const Database::Work &work)
{
    bool is_done = mine().run(work);
    report_notice();
    if (!is_done)
        warn_of_write();
    return is_done;
}

namespace {

/* Reads what a user asks for. */
void read(const Database::Work &work)
{
    const bool is_done = mine().read(work);
    report_notice();
    if (!is_done)
        warn_once("could not read the catalog of pg_trickle",
                  "The refresh history is shown incompletely. Stream tables are maintained and read as before.");
}

/* Reads what decides how to refresh. While another process keeps the file locked, the decision is made without. */
void read_for_decision(const Database::Work &work)
{
    if (!mine().read(work) && !mine().is_busy())
        warn_of_write();
    report_notice();
}

} // namespace

bool take_is_new()
{
    return mine().take_is_new();
}

void checkpoint()
{
    mine().checkpoint();
}

namespace {

/* Runs batches, a transaction each, until there is nothing left to do or batches_take has passed. */
class Batches {
  public:
    /* Returns true if there is more to do. `batch` does one batch and returns whether there is more. */
    bool run(const std::function<bool(Database &)> &batch)
    {
        bool has_more = true;
        while (has_more && Clock::now() < end_)
            if (!mine().run([&](Database &catalog) { has_more = batch(catalog); }))
                return false;
        return has_more;
    }

  private:
    using Clock = std::chrono::steady_clock;
    const Clock::time_point end_ = Clock::now() + batches_take;
};

} // namespace

bool prune_history(int64_t before, int64_t *count_due)
{
    Batches batches;
    bool has_more = batches.run([=](Database &catalog) { return prune_old(catalog, before); });
    std::vector<Excess> excesses;
    mine().read([&](Database &catalog) {
        const int64_t newest = newest_refresh(catalog);
        const bool is_of_this_catalog = *count_due <= newest + rows_between_counts; /* it may have been replaced */
        if (newest < *count_due && is_of_this_catalog)
            return;
        excesses = excesses_of(catalog, Retention{before});
        *count_due = newest + rows_between_counts;
    });
    if (!excesses.empty() && Batches().run([&](Database &catalog) { return merge_some(catalog, &excesses); })) {
        has_more = true;
        *count_due = 0;
    }
    report_notice();
    return has_more;
}

bool forget_history(uint32_t database)
{
    bool has_more = Batches().run([=](Database &catalog) { return forget_some(catalog, database); });
    report_notice();
    return has_more;
}

void note_database_name()
{
    const char *name = call([] { return get_database_name(MyDatabaseId); });
    local().database_name = name != nullptr ? name : "";
}

FileCondition condition()
{
    FileCondition found;
    found.path = mine().path();
    bool is_usable = mine().run([](Database &catalog) {
        Statement select = catalog.prepare("SELECT refresh_id FROM history ORDER BY refresh_id DESC LIMIT 1");
        (void)select.step();
        /* Writes a page with its present contents: only a write notices that the disk is full. */
        catalog.execute("PRAGMA application_id = 0");
    });
    if (!is_usable)
        found.fault = mine().failure();
    for (const char *suffix : {"", "-wal"}) {
        struct stat status;
        if (::stat((found.path + suffix).c_str(), &status) == 0)
            found.bytes += status.st_size;
    }
    return found;
}

Cluster this_cluster()
{
    Cluster cluster;
    call([&] {
        cluster.system_identifier = static_cast<int64_t>(GetSystemIdentifier());
        cluster.timeline = static_cast<int64_t>(GetWALInsertionTimeLine());
    });
    cluster.database_name = local().database_name;
    return cluster;
}

void append_history(const std::vector<Refresh> &refreshes)
{
    write(refreshes);
}

void each_refresh(uint32_t relid, int64_t max_rows, const std::function<bool(const Refresh &)> &take)
{
    write_spooled();
    uint32_t database = MyDatabaseId;
    int64_t before = INT64_MAX;
    std::vector<Refresh> rows;
    do {
        int64_t wanted = std::min(max_rows, rows_at_once);
        rows.clear();
        call([] { CHECK_FOR_INTERRUPTS(); });
        read([&](Database &catalog) { rows = history_of(catalog, database, relid, wanted, before); });
        for (const Refresh &row : rows)
            if (!take(row))
                return;
        max_rows -= wanted;
        before = rows.empty() ? 0 : rows.back().refresh_id;
    } while (max_rows > 0 && !rows.empty());
}

std::vector<Refresh> read_history(uint32_t relid, int max_rows)
{
    std::vector<Refresh> rows;
    each_refresh(relid, max_rows, [&](const Refresh &row) {
        rows.push_back(row);
        return true;
    });
    return rows;
}

std::optional<Refresh> read_last_choice(uint32_t relid)
{
    const std::vector<Waiting> &waiting = local().waiting;
    for (auto own = waiting.rbegin(); own != waiting.rend(); ++own)
        if (own->refresh.relid == relid && own->refresh.is_choice())
            return own->refresh;
    uint32_t database = MyDatabaseId;
    std::optional<Refresh> last;
    read_for_decision([&](Database &catalog) { last = last_choice_of(catalog, database, relid); });
    return last;
}

std::vector<scheduler::Measured> read_measured(uint32_t relid, int64_t generation)
{
    uint32_t database = MyDatabaseId;
    std::vector<scheduler::Measured> rows;
    read_for_decision([&](Database &catalog) { rows = measured_of(catalog, database, relid, generation); });
    return rows;
}

std::vector<Statistics> read_statistics()
{
    uint32_t database = MyDatabaseId;
    std::vector<Statistics> rows;
    read([&](Database &catalog) { rows = statistics_of(catalog, database); });
    return rows;
}

void forget_refreshes_of_dropped(uint32_t relid)
{
    write_spooled();
    uint32_t database = MyDatabaseId;
    bool is_used_again = false;
    read_for_decision([&](Database &catalog) { is_used_again = has_history(catalog, database, relid); });
    if (is_used_again)
        run([=](Database &catalog) { forget_refreshes(catalog, database, relid); });
}

void append_history_at_end(const Refresh &refresh)
{
    local().waiting.push_back({refresh, GetCurrentSubTransactionId()});
}

} // namespace pgtrickle::catalog
