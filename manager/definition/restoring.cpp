#include "definition/restoring.hpp"

#include "definition/state.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/lock.h"
}

namespace pgtrickle::definition {

namespace {

bool is_restoring = false;

/* Under the method of advisory locks, for an error releases all locks of a session under the other one. */
LOCKTAG restoring_lock()
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, state::state_table(), InvalidOid, 2);
    tag.locktag_lockmethodid = USER_LOCKMETHOD;
    return tag;
}

} // namespace

void begin_restoring()
{
    if (is_restoring)
        return;
    LOCKTAG tag = restoring_lock();
    (void)LockAcquire(&tag, ShareLock, true, false);
    is_restoring = true;
}

void end_restoring()
{
    if (!is_restoring)
        return;
    LOCKTAG tag = restoring_lock();
    (void)LockRelease(&tag, ShareLock, true);
    is_restoring = false;
}

bool is_restored_elsewhere()
{
    LOCKTAG tag = restoring_lock();
    if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return true;
    LockRelease(&tag, ExclusiveLock, false);
    return false;
}

} // namespace pgtrickle::definition
