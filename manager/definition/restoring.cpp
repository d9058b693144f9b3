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

/* Stream tables that this session has restored, in TopMemoryContext. DISCARD ALL may have released some of
 * their locks. */
List *restored = NIL;

/* Uses the lock method of advisory locks, because an error releases all session locks of the default
 * method. */
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
    /* RowExclusive conflicts with the lock of the session that restores, but not with the same check by
     * another process. */
    LOCKTAG tag = restoring_lock(relid);
    if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return true;
    LockRelease(&tag, RowExclusiveLock, false);
    return false;
}

} // namespace pgtrickle::definition
