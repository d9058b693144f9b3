/*
 * A function that raises an error of which no copy fits into memory. Its context callback, which PostgreSQL calls when
 * the message has been written, keeps the process from growing; unlimited() lets it grow again.
 */
#include "postgres.h"

#include <sys/resource.h>

#include "fmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fail_beyond_memory);
PG_FUNCTION_INFO_V1(unlimited);

static void limit_to(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_AS, &limit);
}

static void forbid_growth(void *unused)
{
    limit_to(1);
}

Datum fail_beyond_memory(PG_FUNCTION_ARGS)
{
    const Size length = 16 * 1024 * 1024;
    ErrorContextCallback callback = {error_context_stack, forbid_growth, NULL};
    char *message = palloc(length + 1);
    if (PG_GETARG_INT32(0) == 0)
        PG_RETURN_INT32(0);
    memset(message, 'x', length);
    message[length] = '\0';
    error_context_stack = &callback;
    ereport(ERROR, (errmsg_internal("%s", message)));
}

Datum unlimited(PG_FUNCTION_ARGS)
{
    limit_to(RLIM_INFINITY);
    PG_RETURN_VOID();
}
