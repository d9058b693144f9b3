/*
 * A module that hooks what other modules hook, and raises an error if a hook is called where PostgreSQL does not call
 * it: privileges are checked while the executor starts or runs, or a utility statement runs; a statement of the client
 * is run once. Its function says whether it has seen the utility statement that runs, as pgaudit's event triggers ask.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "tcop/utility.h"

PG_MODULE_MAGIC;

void _PG_init(void);
PG_FUNCTION_INFO_V1(strict_has_seen);

static ExecutorCheckPerms_hook_type next_check;
static ExecutorStart_hook_type next_start;
static ExecutorRun_hook_type next_run;
static ProcessUtility_hook_type next_utility;
static int executing, utilities, of_client;

Datum strict_has_seen(PG_FUNCTION_ARGS)
{
    PG_RETURN_BOOL(utilities > 0);
}

#if PG_VERSION_NUM < 160000
static bool check(List *entries, bool raises)
#else
static bool check(List *entries, List *infos, bool raises)
#endif
{
    if (executing + utilities == 0)
        elog(ERROR, "strict module: privileges are checked outside of a statement");
#if PG_VERSION_NUM < 160000
    return next_check == NULL || next_check(entries, raises);
#else
    return next_check == NULL || next_check(entries, infos, raises);
#endif
}

static void start(QueryDesc *query, int flags)
{
    executing++;
    PG_TRY();
    {
        if (next_start)
            next_start(query, flags);
        else
            standard_ExecutorStart(query, flags);
    }
    PG_FINALLY();
    {
        executing--;
    }
    PG_END_TRY();
}

#if PG_VERSION_NUM < 180000
static void run(QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once)
#define ARGUMENTS query, direction, count, execute_once
#else
static void run(QueryDesc *query, ScanDirection direction, uint64 count)
#define ARGUMENTS query, direction, count
#endif
{
    executing++;
    PG_TRY();
    {
        if (next_run)
            next_run(ARGUMENTS);
        else
            standard_ExecutorRun(ARGUMENTS);
    }
    PG_FINALLY();
    {
        executing--;
    }
    PG_END_TRY();
}

static void end_of_client(void *unused)
{
    of_client--;
}

static void utility(PlannedStmt *planned, const char *text, bool is_read_only, ProcessUtilityContext context,
                    ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver,
                    QueryCompletion *completion)
{
    if (context == PROCESS_UTILITY_TOPLEVEL && !IsA(planned->utilityStmt, TransactionStmt))
    {
        MemoryContextCallback *at_end = palloc0(sizeof(MemoryContextCallback));

        if (of_client > 0)
            elog(ERROR, "strict module: a statement of the client runs twice");
        of_client++;
        at_end->func = end_of_client;
        MemoryContextRegisterResetCallback(CurrentMemoryContext, at_end); /* of its portal */
    }
    utilities++;
    PG_TRY();
    {
        (next_utility ? next_utility : standard_ProcessUtility)(planned, text, is_read_only, context, params, environment,
                                                                receiver, completion);
    }
    PG_FINALLY();
    {
        utilities--;
    }
    PG_END_TRY();
}

void _PG_init(void)
{
    next_check = ExecutorCheckPerms_hook;
    ExecutorCheckPerms_hook = check;
    next_start = ExecutorStart_hook;
    ExecutorStart_hook = start;
    next_run = ExecutorRun_hook;
    ExecutorRun_hook = run;
    next_utility = ProcessUtility_hook;
    ProcessUtility_hook = utility;
}
