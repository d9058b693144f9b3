#include "refresh/batch/refresh_right.hpp"

#include "definition/lock_right.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/sets/refresh_sets.hpp"

#include <set>
#include <vector>

namespace pgtrickle::refresh {

namespace {

/* Whether the session may run what is refreshed together with the stream table, all of one owner. */
bool may_run_sets_of(Oid relid)
{
    std::set<Oid> found;
    std::vector<Oid> open = {relid};
    refresh_sets().process_invalidations();
    while (!open.empty()) {
        const Oid one = open.back();
        open.pop_back();
        if (!found.insert(one).second)
            continue;
        if (!may_compile_here(one))
            return false;
        refresh_sets().append_members_with(one, &open);
    }
    return true;
}

} // namespace

bool may_refresh_here(Oid relid)
{
    if (SessionSwitch::is_in_worker())
        return ServedOwner::owner() == call([=] { return owner_of_relation(relid, true); });
    return call([=] { return definition::may_store(relid); }) && (may_run_here(relid) || is_created_here(relid)) &&
           (call([=] { return is_trusted_here(relid); }) || may_run_sets_of(relid));
}

bool may_refresh_at_commit(Oid relid)
{
    Assert(KnownCodeOnly::is_in_force());
    return may_run_sets_of(relid);
}

} // namespace pgtrickle::refresh
