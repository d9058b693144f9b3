#include "fdw/definition/first_fill.hpp"

#include "definition/guc.hpp"
#include "definition/lock_right.hpp"
#include "definition/restoring.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/refresh_wait.hpp"
#include "refresh/batch/new_keys.hpp"

extern "C" {
#include "access/xact.h"
}

namespace pgtrickle {

namespace {

/* Those of the stream table and its upstreams for which is_one() is true, a PostgreSQL frame, get the keys. */
template <class IsOne> void use_new_keys_of(Oid relid, IsOne is_one)
{
    enter([=] {
        std::vector<Oid> all = definition::with_upstreams(relid);
        std::erase_if(all, [=](Oid one) { return !call([=] { return is_one(one); }); });
        refresh::use_new_keys(all);
    });
}

} // namespace

void have_filled(const Oid *relids, int count)
{
    auto *unfilled = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
    int unfilled_count = 0;
    for (int i = 0; i < count; i++) {
        const state::VisibleRow row = state::visible_row(relids[i]);
        if (!row.exists || row.is_populated)
            continue;
        if (row.is_own)
            use_new_keys_of(relids[i], [](Oid one) { return state::visible_row(one).is_own; });
        else
            unfilled[unfilled_count++] = relids[i];
    }
    if (unfilled_count == 0 || !guc::enabled)
        return;
    definition::end_restoring(); /* by this session, which is about to read them */
    (void)request_and_wait(unfilled, unfilled_count, Waiter::session);
}

void use_new_keys_here(Oid relid)
{
    if (!IsolationUsesXactSnapshot() && !state::visible_row(relid).is_populated)
        use_new_keys_of(relid, [](Oid one) { return definition::may_store(one); });
}

} // namespace pgtrickle
