#include "fdw/definition/first_fill.hpp"

#include "definition/guc.hpp"
#include "definition/lock_right.hpp"
#include "definition/restoring.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/freshness.hpp"
#include "fdw/read/refresh_wait.hpp"
#include "refresh/batch/holds.hpp"
#include "refresh/batch/new_keys.hpp"
#include "refresh/history.hpp"
#include "refresh/refresh.hpp"

extern "C" {
#include "access/xact.h"
}

#include <algorithm>

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

/* Fills those that this session may fill. Nothing has been planned with their heaps yet. */
void fill_here(const Oid *relids, int count)
{
    enter([=] {
        std::vector<Oid> own(relids, relids + count);
        std::erase_if(own, [](Oid relid) {
            return refresh::hold_on(relid).has_value() || !call([=] { return can_refresh_here(relid); });
        });
        if (own.empty())
            return;
        for (const refresh::Outcome &outcome : refresh::refresh_batch({.members = own}))
            record_in_history(outcome, catalog::InitiatedBy::scan);
    });
}

bool is_unfilled(Oid relid)
{
    return !state::visible_row(relid).is_populated;
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
    const Obstacle obstacle = request_and_wait(unfilled, unfilled_count, Waiter::session);
    if (obstacle != Obstacle::no_manager && (obstacle != Obstacle::locked || !has_refresh_waited_for_me()))
        return;
    fill_here(unfilled, unfilled_count);
    CommandCounterIncrement();
    if (obstacle == Obstacle::no_manager && std::any_of(unfilled, unfilled + unfilled_count, is_unfilled))
        (void)request_of_next_manager(unfilled, unfilled_count);
}

void use_new_keys_here(Oid relid)
{
    if (!IsolationUsesXactSnapshot() && !state::visible_row(relid).is_populated)
        use_new_keys_of(relid, [](Oid one) { return definition::may_store(one); });
}

} // namespace pgtrickle
