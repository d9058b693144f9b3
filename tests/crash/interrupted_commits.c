/*
 * A function that makes the next commit of the session fail, in a chosen way, at one of the allocations of PostgreSQL
 * that are made from XACT_EVENT_PRE_COMMIT on. It fails where PostgreSQL itself could: in no critical section, and not
 * once the transaction is being committed.
 */
#include "postgres.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(interrupt_commit);
PG_FUNCTION_INFO_V1(allocations_of_commit);

#if PG_VERSION_NUM >= 170000
#define EXTRA_PARAMETER , int flags
#define EXTRA_ARGUMENT , flags
#else
#define EXTRA_PARAMETER
#define EXTRA_ARGUMENT
#endif

/* PostgreSQL 15 loses sight of a lock that a subtransaction has got if this array of 8 owners cannot be allocated. */
#define SIZE_OF_LOCK_OWNERS 128

static void *(*next_alloc)(MemoryContext, Size EXTRA_PARAMETER);
static int32 wanted = 0;
static int32 counted = 0;
static bool is_counting = false;
static char way[32];

static void fail(void)
{
    if (strcmp(way, "killed") == 0)
        kill(getpid(), SIGKILL);
    else if (strcmp(way, "canceled") == 0)
        QueryCancelPending = InterruptPending = true;
    else if (strcmp(way, "terminated") == 0)
        ProcDiePending = InterruptPending = true;
    else if (strcmp(way, "no memory") == 0)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("no memory, as the test demands")));
    else if (strcmp(way, "no lock") == 0)
        ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("no lock, as the test demands")));
    else if (strcmp(way, "a value") == 0)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("a value, as the test demands")));
}

static void *counting_alloc(MemoryContext context, Size size EXTRA_PARAMETER)
{
    bool is_safe = CritSectionCount == 0 && InterruptHoldoffCount == 0 && IsTransactionState() &&
                   context != ErrorContext && !(context == TopMemoryContext && size == SIZE_OF_LOCK_OWNERS);

    if (is_counting && is_safe && ++counted == wanted)
        fail();
    return next_alloc(context, size EXTRA_ARGUMENT);
}

/* Callbacks are called in the reverse order of their registration, so this one is before the extension's. */
static void count_those_of_commit(XactEvent event, void *unused)
{
    if (event == XACT_EVENT_PRE_COMMIT && wanted > 0 && counted == 0)
        is_counting = true;
    else if (is_counting && (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT))
        is_counting = false;
}

static void set_up(void)
{
    MemoryContextMethods *methods = (MemoryContextMethods *)TopMemoryContext->methods;
    const uintptr_t page = sysconf(_SC_PAGESIZE);
    const uintptr_t start = (uintptr_t)methods & ~(page - 1);

    if (mprotect((void *)start, (uintptr_t)(methods + 1) - start, PROT_READ | PROT_WRITE) != 0)
        ereport(ERROR, (errmsg("could not make the methods of memory contexts writable: %m")));
    next_alloc = methods->alloc;
    methods->alloc = counting_alloc;
    RegisterXactCallback(count_those_of_commit, NULL);
}

/* interrupt_commit(number of the allocation, way) */
Datum interrupt_commit(PG_FUNCTION_ARGS)
{
    if (next_alloc == NULL)
        set_up();
    wanted = PG_GETARG_INT32(0);
    counted = 0;
    strlcpy(way, text_to_cstring(PG_GETARG_TEXT_PP(1)), sizeof(way));
    PG_RETURN_VOID();
}

/* Returns how many the last commit has made. */
Datum allocations_of_commit(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(counted);
}
