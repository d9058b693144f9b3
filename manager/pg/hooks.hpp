/*
 * PostgreSQL's hooks and its (sub)transaction callbacks, each of which the extension sets once.
 *
 * install_hooks() sets them from one list, `Hooks`, which fdw/module.cpp holds: this room is below the rooms whose functions it
 * calls. The order in which the functions of a hook run is the order of the list, whatever the order of _PG_init. No other file
 * sets a hook variable or registers a callback (tests/lint/rules/hooks.py), but for refresh/program/join_search, which has a hook
 * while a maintenance statement is planned.
 *
 *   ProcessUtility          the entries for the kind of statement, outermost first, each around those that follow it; innermost
 *                           the function that had the hook before, or standard_ProcessUtility
 *   ExecutorStart           as ProcessUtility, for every statement
 *   object access           the function that had the hook before, then all of the list, in its order
 *   shared memory           the function that had the hook before, then all of the list; while the library is preloaded only
 *   transaction,            all of the list, in its order. PostgreSQL calls first what was registered last, so an extension that was
 *   subtransaction          loaded before is called after the whole list, and one that was loaded after, before it
 *   all others              one function has the hook, and calls what had it before by previous_hooks() or `next`
 *
 * All hooks are set at the same moment, so with regard to other extensions the whole list stands where the extension was loaded.
 *
 * All functions of the list are PostgreSQL frames: they may ereport, unless it is said of them that they may not, and enter C++
 * by enter(). An error leaves all functions that are under way, and those of the list that have not begun are not called: what a
 * function has to put right after an error it does at the abort of the (sub)transaction. A function may run statements, which
 * pass through the whole list again.
 *
 * The functions are installed in every process that loads the library, with or without preloading. One that needs shared memory
 * or definitions asks whether it has them.
 *
 * A transaction or subtransaction function must not raise an error but at the events PRE_COMMIT and PRE_PREPARE: the others come
 * when the transaction is over, where an error becomes a PANIC.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "optimizer/planner.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/selfuncs.h"
}

#include <cstdint>
#include <span>

namespace pgtrickle {

/* ---- ProcessUtility --------------------------------------------------------------------- */

/* One utility statement on its way through the list. */
struct UtilityCall {
    PlannedStmt *planned;
    const char *text; /* of the client's statement */
    bool is_read_only; /* `planned` must be copied before it is changed */
    ProcessUtilityContext context;
    ParamListInfo params;
    QueryEnvironment *environment;
    DestReceiver *receiver;
    QueryCompletion *completion;
    mutable uint64_t left; /* the entries that it has not passed, a bit each */

    ::Node *statement() const { return planned->utilityStmt; }
    /* Runs the statement as it would be without this entry and those before it. Not again after an error. PostgreSQL frame. */
    void run() const;
};

/* PostgreSQL frame. */
using UtilityHandler = void (*)(const UtilityCall &call);

enum class When : uint8_t {
    before, /* the statement runs afterwards, unchanged */
    after,  /* it has run, without an error */
    around, /* the handler calls run(), on `call` or on a changed copy; without that the statement does not run */
};

/* Kinds that are no node tags. every_kind: an entry for all statements, those that run outside of a transaction included. COMMIT
 * PREPARED is a kind of its own, as nothing is to be done at BEGIN and COMMIT, which are many. */
constexpr int every_kind = T_Invalid, commit_prepared_kind = 1023;

/* A statement costs two calls for each entry of its kind, and nothing for others. */
struct UtilityEntry {
    int kind; /* a node tag, or one of the above */
    When when;
    UtilityHandler handler;
};

/* ---- the executor ------------------------------------------------------------------------ */

/* The rest of a hook: the function calls it once. Lives as long as the call. */
class Next {
  public:
    template <class Lambda>
    explicit Next(const Lambda &lambda)
        : lambda_(&lambda), run_([](const void *known) { (*static_cast<const Lambda *>(known))(); })
    {
    }
    Next(const Next &) = delete;
    Next &operator=(const Next &) = delete;
    void operator()() const { run_(lambda_); }

  private:
    const void *lambda_;
    void (*run_)(const void *);
};

using ExecutorStartHandler = void (*)(QueryDesc *query, int flags, const Next &next);
using ExecutorHandler = void (*)(QueryDesc *query, const Next &next);

/* ---- events ------------------------------------------------------------------------------ */

using ObjectAccessHandler = void (*)(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);
using SharedMemoryHandler = void (*)();
using TransactionHandler = void (*)(XactEvent event);
using SubtransactionHandler = void (*)(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

/* ---- the list ---------------------------------------------------------------------------- */

struct Hooks {
    std::span<const UtilityEntry> utility; /* 64 at most */
    std::span<const ExecutorStartHandler> executor_start;
    ExecutorHandler executor_run;
    ExecutorHandler executor_finish;
    planner_hook_type planner;
    ExplainOneQuery_hook_type explain;
    get_relation_stats_hook_type relation_statistics;
    get_index_stats_hook_type index_statistics;
    std::span<const ObjectAccessHandler> object_access;
    std::span<const TransactionHandler> transaction;
    std::span<const SubtransactionHandler> subtransaction;
    std::span<const SharedMemoryHandler> shared_memory_request;
    std::span<const SharedMemoryHandler> shared_memory_startup;
};

/* Called once, by _PG_init. `hooks` lives as long as the process. PostgreSQL frame. */
void install_hooks(const Hooks &hooks);

/* What had the hooks before. */
struct PreviousHooks {
    planner_hook_type planner; /* or standard_planner */
    /* Null: none. */
    ExplainOneQuery_hook_type explain;
    get_relation_stats_hook_type relation_statistics;
    get_index_stats_hook_type index_statistics;
};
const PreviousHooks &previous_hooks();

} // namespace pgtrickle
