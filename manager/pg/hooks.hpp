/*
 * PostgreSQL's hooks and its callbacks of transactions, each of which the extension sets once.
 *
 * install_hooks() sets the hooks from one list, `Hooks`, which fdw/module.cpp holds: this folder is below the
 * folders whose functions are called. The functions of a hook run in the order of the list, whatever the
 * order of _PG_init. No other file sets a hook variable or registers a callback (tests/lint/rules/hooks.py),
 * except refresh/program/join_search and refresh/program/estimate_bounds, which set hooks while a maintenance statement
 * is planned.
 *
 *   hook                    order of the calls
 *   ----------------------  --------------------------------------------------------------------------------
 *   ProcessUtility          the entries for the kind of statement, outermost first, each around those that
 *                           follow it; innermost the function that had the hook before, or
 *                           standard_ProcessUtility
 *   ExecutorStart           as ProcessUtility, for every statement
 *   relation info,          the function that had the hook before, then all functions of the list, in order
 *   object access
 *   authentication          the function that had the hook before, then that of the list if the client may log in
 *   shared memory           the same; only if the library is preloaded
 *   relation statistics     the functions of the list until one returns true, then the function that had the hook
 *                           before
 *   transaction,            all functions of the list, in order. PostgreSQL calls the callback registered last
 *   subtransaction          first: an extension loaded earlier is called after the list, one loaded later before
 *   all others              one function has the hook, and calls the previous one by previous_hooks() or `next`
 *
 * All hooks are set at the same moment, so other extensions see the whole list at the place where this
 * extension was loaded.
 *
 * All functions of the list are PostgreSQL frames: they may ereport, unless their description excludes it,
 * and enter C++ by enter(). An error ends all functions that are running, and functions of the list that have
 * not begun are not called: a function that must clean up after an error does so at the abort of the
 * (sub)transaction. A function may run statements, which pass through the whole list again.
 *
 * The functions are installed in every process that loads the library, with or without preloading. A function
 * that needs shared memory or definitions checks that they exist.
 *
 * A transaction or subtransaction function must not raise an error except at the events PRE_COMMIT and
 * PRE_PREPARE: at the other events the transaction is over, and an error becomes a PANIC.
 */
#pragma once

#include "pg/versions/postgres.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/resowner.h"
#include "utils/selfuncs.h"
}

#include <cstdint>
#include <span>

namespace pgtrickle {

/* ---- ProcessUtility --------------------------------------------------------------------- */

/* A utility statement while it passes through the list. */
struct UtilityCall {
    PlannedStmt *planned;
    const char *text;  /* of the client's statement */
    bool is_read_only; /* `planned` must be copied before it is changed */
    ProcessUtilityContext context;
    ParamListInfo params;
    QueryEnvironment *environment;
    DestReceiver *receiver;
    QueryCompletion *completion;
    mutable uint64_t left; /* number of entries that the statement has not passed */

    ::Node *statement() const { return planned->utilityStmt; }
    /* Runs the statement as if this entry and those before it did not exist. Must not be called again after
     * an error. PostgreSQL frame. */
    void run() const;
};

/* A handler is a PostgreSQL frame. */
using UtilityHandler = void (*)(const UtilityCall &call);

enum class When : uint8_t {
    before, /* the handler runs before the statement, which is unchanged */
    after,  /* the handler runs after the statement has succeeded */
    around, /* the handler calls run(), on `call` or on a changed copy; otherwise the statement does not run */
};

/* Kinds that are not node tags. every_kind: the entry applies to all statements, including those that run
 * outside of a transaction block. COMMIT PREPARED and ROLLBACK PREPARED are kinds of their own, so that the frequent
 * BEGIN and COMMIT pass no entry. */
constexpr int every_kind = T_Invalid, commit_prepared_kind = 1022, rollback_prepared_kind = 1023;

/* A handler for a kind of utility statement. A statement costs two calls for each entry of its kind, and
 * nothing for others. */
struct UtilityEntry {
    int kind; /* a node tag, or one of the constants above */
    When when;
    UtilityHandler handler;
};

/* ---- the executor ------------------------------------------------------------------------ */

/* The functions of a hook that follow the current one. A function calls it once. Valid during the call. */
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
/* Returns false, or raises 42501 if `raises`, if a privilege that PostgreSQL has found must not be used. */
using RightsHandler = bool (*)(const RequiredRights &rights, bool raises);

/* ---- events ------------------------------------------------------------------------------ */

using ObjectAccessHandler = void (*)(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);
using SharedMemoryHandler = void (*)();
using TransactionHandler = void (*)(XactEvent event);
using SubtransactionHandler = void (*)(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

/* ---- the list ---------------------------------------------------------------------------- */

struct Hooks {
    std::span<const UtilityEntry> utility; /* 32 at most for a kind */
    std::span<const ExecutorStartHandler> executor_start;
    ExecutorHandler executor_run;
    ExecutorHandler executor_finish;
    RightsHandler check_rights;
    planner_hook_type planner;
    ExplainOneQuery_hook_type explain;
    std::span<const get_relation_stats_hook_type> relation_statistics;
    get_index_stats_hook_type index_statistics;
    std::span<const get_relation_info_hook_type> relation_info;
    std::span<const ObjectAccessHandler> object_access;
    needs_fmgr_hook_type function_call;
    fmgr_hook_type switched_call;
    std::span<const TransactionHandler> transaction;
    void (*locks_released)(); /* at the end of a transaction, once its invalidations are sent; must not raise */
    std::span<const SubtransactionHandler> subtransaction;
    void (*authentication)(); /* of a client, outside of transactions */
    std::span<const SharedMemoryHandler> shared_memory_request;
    std::span<const SharedMemoryHandler> shared_memory_startup;
};

/* Sets all hooks. Called once, by _PG_init. `hooks` must live as long as the process. PostgreSQL frame. */
void install_hooks(const Hooks &hooks);

/* Functions that had the hooks before install_hooks(). */
struct PreviousHooks {
    planner_hook_type planner; /* standard_planner if there was none */
    /* The following are null if there was none. */
    ExplainOneQuery_hook_type explain;
    get_index_stats_hook_type index_statistics;
    needs_fmgr_hook_type function_call;
    fmgr_hook_type switched_call;
};
const PreviousHooks &previous_hooks();

} // namespace pgtrickle
