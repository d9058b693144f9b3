#include "refresh/batch/refresh_right.hpp"

#include "definition/lock_right.hpp"
#include "definition/state/state.hpp"
#include "pg/relation_owner.hpp"
#include "pg/rights.hpp"
#include "refresh/code/interpreted_code.hpp"

namespace pgtrickle::refresh {

bool may_refresh_here(Oid relid)
{
    if (SessionSwitch::is_in_worker())
        return ServedOwner::serves(call([=] { return owner_of_relation(relid); }));
    if (!call([=] { return definition::may_store(relid); }))
        return false;
    if (may_run_here(relid))
        return true;
    const state::VisibleRow row = call([=] { return state::visible_row(relid); });
    return !row.is_populated || row.is_own;
}

} // namespace pgtrickle::refresh
