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

/* The lock table would have no room for a lock on each stream table of a large dump. */
constexpr int most_own_locks = 64;

/* Stream tables that this session has restored and has locked, in TopMemoryContext; InvalidOid stands for all further
 * ones. DISCARD ALL may have released some of the locks. */
List *restored = NIL;

/* Uses the lock method of advisory locks, because an error releases all session locks of the default
 * method. The lock of InvalidOid is one on all stream tables of the database. */
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
    const bool has_own_lock = list_member_oid(restored, relid) || list_length(restored) < most_own_locks;
    const Oid locked = has_own_lock ? relid : InvalidOid;
    MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
    restored = list_append_unique_oid(restored, locked);
    MemoryContextSwitchTo(previous);
    LOCKTAG tag = restoring_lock(locked, what);
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
    const auto is_restored = [=](Restored what) {
        return is_held_elsewhere(restoring_lock(relid, what)) || is_held_elsewhere(restoring_lock(InvalidOid, what));
    };
    return is_restored(Restored::definition) ||
           (is_restored(Restored::data) && !holds_lock(permission, ShareLock) && !is_held_elsewhere(permission));
}

} // namespace pgtrickle::definition
