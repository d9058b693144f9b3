#include "capture/log/log_state.hpp"

#include "capture/log/segment.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

bool is_logged(Oid source)
{
    SourceRow row;
    return find_source(source, &row) && row.is_active;
}

void lock_logs(Oid source)
{
    SourceRow row;
    if (find_source(source, &row))
        lock_segments(&row, AccessShareLock);
}

int64 log_size(Oid source)
{
    SourceRow row;
    int64 total = 0;
    if (!find_source(source, &row))
        return 0;
    for (Oid segment : row.segments) {
        if (!ConditionalLockRelationOid(segment, AccessShareLock))
            continue;
        if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(segment)))
            total += DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(segment)));
        UnlockRelationOid(segment, AccessShareLock);
    }
    return total;
}

} // namespace pgtrickle::capture
