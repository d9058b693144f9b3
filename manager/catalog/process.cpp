/*
 * Histories of refreshes in a user's transaction wait in memory for the transaction's end and
 * are written in its callback: the commit is visible by then, and nothing here calls
 * PostgreSQL while the catalog is open. What cannot be written (another process holds
 * the file for long) is written at the next end.
 */
#include "catalog/process.hpp"

extern "C" {
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "storage/ipc.h"
}

#include <sys/stat.h>

namespace pgtrickle::catalog {

namespace {

struct Waiting {
    Refresh refresh;
    SubTransactionId subtransaction;
};

struct Local {
    std::vector<Waiting> waiting; /* for the end of the transaction */
    std::vector<Refresh> overdue; /* could not be written */
    bool has_warned = false;
    std::string database_name;
};

constexpr size_t most_overdue = 1000;

Local &local()
{
    static Local instance;
    return instance;
}

Database &mine()
{
    static Database database(std::string(DataDir) + "/pg_trickle");
    return database;
}

void warn_once()
{
    if (local().has_warned)
        return;
    local().has_warned = true;
    call([] {
        ereport(WARNING, (errcode(ERRCODE_IO_ERROR), errmsg("pg_trickle cannot write its catalog"),
                          errdetail("%s", mine().failure().c_str()),
                          errhint("Stream tables are kept and read as before; their refresh history is not.")));
    });
}

void write(const std::vector<Refresh> &refreshes)
{
    uint32_t database = MyDatabaseId;
    bool is_written = run([&](Database &catalog) {
        for (const Refresh &refresh : refreshes) {
            write_history(catalog, database, refresh);
            add_statistics(catalog, database, refresh);
            if (refresh.status == "COMPLETED")
                add_cost(catalog, database, refresh);
        }
    });
    Local &own = local();
    if (!is_written && own.overdue.size() < most_overdue)
        own.overdue.insert(own.overdue.end(), refreshes.begin(), refreshes.end());
}

void fail(Refresh *refresh)
{
    if (refresh->status == "COMPLETED") {
        refresh->status = "FAILED";
        refresh->error_message = "the transaction was rolled back";
    }
}

void end_transaction(bool is_committed)
{
    Local &own = local();
    if (own.waiting.empty())
        return;
    std::vector<Refresh> refreshes = std::move(own.overdue);
    own.overdue.clear();
    for (Waiting &waiting : own.waiting) {
        if (!is_committed)
            fail(&waiting.refresh);
        refreshes.push_back(std::move(waiting.refresh));
    }
    own.waiting.clear();
    write(refreshes);
}

extern "C" void pgtrickle_catalog_transaction(XactEvent event, void *)
{
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    if (!local().waiting.empty())
        enter([&] { end_transaction(event != XACT_EVENT_ABORT); });
}

extern "C" void pgtrickle_catalog_subtransaction(SubXactEvent event, SubTransactionId mine_id,
                                                 SubTransactionId parent_id, void *)
{
    if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
        return;
    for (Waiting &waiting : local().waiting) {
        if (waiting.subtransaction != mine_id)
            continue;
        waiting.subtransaction = parent_id;
        if (event == SUBXACT_EVENT_ABORT_SUB)
            enter([&] { fail(&waiting.refresh); });
    }
}

} // namespace

void register_catalog()
{
    RegisterXactCallback(pgtrickle_catalog_transaction, nullptr);
    RegisterSubXactCallback(pgtrickle_catalog_subtransaction, nullptr);
}

bool run(const std::function<void(Database &)> &work)
{
    if (mine().run(work))
        return true;
    warn_once();
    return false;
}

bool take_is_new()
{
    return mine().take_is_new();
}

void checkpoint()
{
    mine().checkpoint();
}

void note_database_name()
{
    const char *name = call([] { return get_database_name(MyDatabaseId); });
    local().database_name = name != nullptr ? name : "";
}

Condition condition()
{
    Condition found;
    found.path = mine().path();
    bool is_usable = mine().run([](Database &catalog) {
        Statement select = catalog.prepare("SELECT refresh_id FROM history ORDER BY refresh_id DESC LIMIT 1");
        (void)select.step();
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

std::vector<Refresh> read_history(uint32_t relid, int max_rows)
{
    uint32_t database = MyDatabaseId;
    std::vector<Refresh> rows;
    run([&](Database &catalog) { rows = history_of(catalog, database, relid, max_rows); });
    return rows;
}

std::vector<Statistics> read_statistics()
{
    uint32_t database = MyDatabaseId;
    std::vector<Statistics> rows;
    run([&](Database &catalog) { rows = statistics_of(catalog, database); });
    return rows;
}

void append_history_at_end(const Refresh &refresh)
{
    local().waiting.push_back({refresh, GetCurrentSubTransactionId()});
}

} // namespace pgtrickle::catalog
