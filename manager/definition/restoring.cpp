#include "definition/restoring.hpp"

#include "definition/state/state.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/memutils.h"
}

namespace pgtrickle::definition {

namespace {

/* What this session has restored, in TopMemoryContext; DISCARD ALL may have released the locks of some. */
List *restored = NIL;

/* Under the method of advisory locks, for an error releases all locks of a session under the other one. */
LOCKTAG restoring_lock(Oid relid)
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, state::state_table(), relid, 2);
    tag.locktag_lockmethodid = USER_LOCKMETHOD;
    return tag;
}

} // namespace

void begin_restoring(Oid relid)
{
    MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
    restored = list_append_unique_oid(restored, relid);
    MemoryContextSwitchTo(previous);
    LOCKTAG tag = restoring_lock(relid);
    (void)LockAcquire(&tag, ShareLock, true, false);
}

void end_restoring()
{
    if (restored == NIL)
        return;
    ListCell *cell;
    foreach (cell, restored) {
        LOCKTAG tag = restoring_lock(lfirst_oid(cell));
        if (holds_lock(tag, ShareLock))
            (void)LockRelease(&tag, ShareLock, true);
    }
    list_free(restored);
    restored = NIL;
}

bool is_restored_elsewhere(Oid relid)
{
    /* Conflicts with the session's lock, and not with that of another process that asks. */
    LOCKTAG tag = restoring_lock(relid);
    if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return true;
    LockRelease(&tag, RowExclusiveLock, false);
    return false;
}

} // namespace pgtrickle::definition
