#include "refresh/batch/new_keys.hpp"

#include "definition/definition.hpp"
#include "definition/restoring.hpp"
#include "definition/state/state.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/program/compiled.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/lmgr.h"
}

namespace pgtrickle::refresh {

namespace {

constexpr int tries = 10;
constexpr int pause_us = 10'000;

/* Does not queue for the lock, which would keep readers waiting. A session whose commit has let this fill begin may
 * still be releasing its locks. */
bool try_lock(Oid relid, LOCKMODE mode)
{
    return call([=] {
        for (int tried = 1; !ConditionalLockRelationOid(relid, mode); tried++) {
            if (tried == tries)
                return false;
            pg_usleep(pause_us);
            CHECK_FOR_INTERRUPTS();
        }
        return true;
    });
}

/* Two processes that both had a weaker lock on the stream table would keep each other from AccessExclusive. A process
 * that does not get this lock leaves the key to the one that has it. */
bool try_refresh_lock(Oid relid)
{
    return call([=] {
        const LOCKTAG tag = state::refresh_lock(relid);
        return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
    });
}

bool could_be_filled_by_key(Oid relid)
{
    return call([=] {
               return definition::is_stream_table(relid) && !definition::is_restored_elsewhere(relid) &&
                      !state::visible_row(relid).is_populated;
           }) &&
           may_compile_here(relid) && !needs_other_heaps(relid) && has_unused_key(relid);
}

} // namespace

void use_new_keys(const std::vector<Oid> &relids)
{
    for (Oid relid : relids) {
        if (!try_refresh_lock(relid))
            continue;
        const bool is_locked = try_lock(relid, RowExclusiveLock);
        if (is_locked && could_be_filled_by_key(relid) && try_lock(relid, AccessExclusiveLock) &&
            could_be_filled_by_key(relid)) {
            rebuild_heaps(relid);
            continue;
        }
        /* A refresh in this transaction takes both in its own order, and may give the second one up. */
        call([=] {
            const LOCKTAG tag = state::refresh_lock(relid);
            LockRelease(&tag, ExclusiveLock, false);
            if (is_locked)
                UnlockRelationOid(relid, RowExclusiveLock);
        });
    }
}

} // namespace pgtrickle::refresh
