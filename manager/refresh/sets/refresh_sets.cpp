/*
 * A change is announced by an invalidation of pgt_dependency, the table that records which stream table reads
 * which relation. definition::sources_of() goes by it, too.
 */
#include "refresh/sets/refresh_sets.hpp"

#include "definition/state/state.hpp"
#include "pg/context.hpp"
#include "refresh/sets/refresh_groups.hpp"

extern "C" {
#include "utils/inval.h"
}

#include <utility>

namespace pgtrickle::refresh {

namespace {

/* Process-local; created at the first use, and lives as long as the process. */
RefreshSets *instance = nullptr;
bool is_invalidated = true;
Oid announcing_table = InvalidOid; /* pgt_dependency when the sets were last read */

} // namespace

RefreshSets &refresh_sets()
{
    if (instance == nullptr)
        instance = make_in<RefreshSets>(TopMemoryContext);
    return *instance;
}

void RefreshSets::process_invalidations()
{
    call([] { AcceptInvalidationMessages(); });
    /* An invalidation that arrives during the reads below counts for the next call: the transaction that sent
     * it has not released a lock that is held here. */
    if (!std::exchange(is_invalidated, false) && is_whole_)
        return;
    is_whole_ = false;
    announcing_table = call([] { return state::dependency_table(); });
    diamonds_ = Diamonds();
    groups_.clear();
    for (const std::vector<Oid> &members : groups_of_owners())
        for (Oid member : members)
            groups_[member] = members;
    is_whole_ = true;
}

void RefreshSets::read_sets_around(const std::vector<Oid> &relids)
{
    is_whole_ = false;
    diamonds_.read_sets_around(relids);
    is_whole_ = true;
}

const std::vector<Oid> &RefreshSets::group_of(Oid relid) const
{
    static const std::vector<Oid> none;
    auto found = groups_.find(relid);
    return found == groups_.end() ? none : found->second;
}

void RefreshSets::append_members_with(Oid relid, std::vector<Oid> *members)
{
    read_sets_around({relid});
    for (const std::vector<Oid> *set : {&group_of(relid), &atomic_set_of(relid)})
        members->insert(members->end(), set->begin(), set->end());
}

void note_invalidated(Oid relation) noexcept
{
    is_invalidated = is_invalidated || relation == InvalidOid || relation == announcing_table;
}

} // namespace pgtrickle::refresh
