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
LOCKTAG restoring_lock(Oid relid, Restored what)
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, state::state_table(), relid, what == Restored::definition ? 2 : 4);
    tag.locktag_lockmethodid = USER_LOCKMETHOD;
    return tag;
}

/* The lock of a database in which fills are permitted. */
LOCKTAG permission_lock()
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, state::state_table(), 0, 3);
    tag.locktag_lockmethodid = USER_LOCKMETHOD;
    return tag;
}

/* Returns true if another process holds ShareLock. RowExclusive conflicts with that lock, but not with the same
 * check by another process. */
bool is_held_elsewhere(const LOCKTAG &tag)
{
    if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return true;
    LockRelease(&tag, RowExclusiveLock, false);
    return false;
}

} // namespace

void begin_restoring(Oid relid, Restored what)
{
    MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
    restored = list_append_unique_oid(restored, relid);
    MemoryContextSwitchTo(previous);
    LOCKTAG tag = restoring_lock(relid, what);
    (void)LockAcquire(&tag, ShareLock, true, false);
}

void end_restoring()
{
    if (restored == NIL)
        return;
    ListCell *cell;
    foreach (cell, restored) {
        for (Restored what : {Restored::definition, Restored::data}) {
            LOCKTAG tag = restoring_lock(lfirst_oid(cell), what);
            while (holds_lock(tag, ShareLock) && LockRelease(&tag, ShareLock, true))
                ;
        }
    }
    list_free(restored);
    restored = NIL;
}

void permit_fills()
{
    LOCKTAG tag = permission_lock();
    (void)LockAcquire(&tag, ShareLock, false, false);
}

bool is_restored_elsewhere(Oid relid)
{
    const LOCKTAG permission = permission_lock();
    return is_held_elsewhere(restoring_lock(relid, Restored::definition)) ||
           (is_held_elsewhere(restoring_lock(relid, Restored::data)) && !holds_lock(permission, ShareLock) &&
            !is_held_elsewhere(permission));
}

} // namespace pgtrickle::definition
