#include "refresh/batch/new_keys.hpp"

#include "definition/definition.hpp"
#include "definition/restoring.hpp"
#include "definition/state/state.hpp"
#include "refresh/program/compiled.hpp"

extern "C" {
#include "storage/lmgr.h"
}

namespace pgtrickle::refresh {

namespace {

bool try_lock(Oid relid, LOCKMODE mode)
{
    return call([=] { return ConditionalLockRelationOid(relid, mode); });
}

bool could_be_filled_by_key(Oid relid)
{
    return call([=] {
               return definition::is_stream_table(relid) && !definition::is_restored_elsewhere(relid) &&
                      !state::visible_row(relid).is_populated;
           }) &&
           !needs_other_heaps(relid) && has_unused_key(relid);
}

} // namespace

void use_new_keys(const std::vector<Oid> &relids)
{
    for (Oid relid : relids)
        if (try_lock(relid, RowExclusiveLock) && could_be_filled_by_key(relid) &&
            try_lock(relid, AccessExclusiveLock) && could_be_filled_by_key(relid))
            rebuild_heaps(relid);
}

} // namespace pgtrickle::refresh
