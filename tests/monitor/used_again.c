/*
 * Lets a test decide which OID the server gives next, as after it has given all others.
 */
#include "postgres.h"

#include "access/transam.h"
#include "fmgr.h"
#include "storage/lwlock.h"

#if PG_VERSION_NUM >= 170000
#define COUNTER TransamVariables
#else
#define COUNTER ShmemVariableCache
#endif

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(set_next_oid);

Datum set_next_oid(PG_FUNCTION_ARGS)
{
    LWLockAcquire(OidGenLock, LW_EXCLUSIVE);
    COUNTER->nextOid = PG_GETARG_OID(0);
    COUNTER->oidCount = 0;
    LWLockRelease(OidGenLock);
    PG_RETURN_VOID();
}
