#include "fdw/read/barrier.hpp"

#include "definition/guc.hpp"
#include "definition/restoring.hpp"
#include "definition/state/frontier.hpp"
#include "definition/state/marks.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/freshness.hpp"
#include "fdw/read/on_stale.hpp"
#include "fdw/read/refresh_others.hpp"
#include "fdw/read/refresh_wait.hpp"
#include "fdw/read/session/own_effects.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "fdw/scan/served_relation.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/processes.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/batch/excluded_members.hpp"
#include "refresh/batch/upstreams_of_others.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/history.hpp"
#include "refresh/refresh.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/executor.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

bool is_held(Oid relid)
{
    return enter([=] { return refresh::hold_on(relid).has_value(); });
}

/* Whether a user has stopped its refreshes. */
bool keeps_its_rows(Oid relid, Snapshot snapshot)
{
    return enter([=] { return refresh::keeps_its_rows(relid, snapshot); });
}

/* Whether a refresh in this session would have to build the heaps of the stream table again. C++ frame. */
bool needs_set_up(Oid relid)
{
    const state::VisibleRow seen = call([=] { return state::visible_row(relid); });
    return seen.needs_setup ||
           (seen.needs_reinit && call([=] { return definition::lock_if_exists(relid, RowExclusiveLock); }) &&
            refresh::may_compile_here(relid) && refresh::needs_other_heaps(relid));
}

/* Whether the heaps of the stream table, of one that it reads, or of one that is refreshed with it, are to be built
 * again, by this session. The plan of the statement that is about to start refers to them as they are. */
bool is_to_be_set_up(Oid relid)
{
    return enter([=] {
        const std::vector<Oid> upstreams = definition::with_upstreams(relid);
        if (std::any_of(upstreams.begin(), upstreams.end(), needs_set_up))
            return true;
        const refresh::BatchRequest request = {.members = {relid}, .requested_by = scheduler::RequestedBy::reader};
        const std::vector<Oid> all = refresh::refreshed_with(relid);
        return std::any_of(all.begin(), all.end(),
                           [&](Oid one) { return needs_set_up(one) && !refresh::is_left_out(one, request); });
    });
}

bool has_no_rows(Oid relid)
{
    return !mailbox::status_of(relid).state.is_populated && !state::visible_row(relid).is_populated;
}

/* Fills those without rows that this session may fill: no manager is in this database, which may have been restored,
 * and a materialized view over them would stay empty. Returns whether it has filled any. */
bool fill_without_manager(const Oid *relids, int count)
{
    auto *empty = static_cast<Oid *>(palloc(sizeof(Oid) * count));
    int empty_count = 0;
    for (int i = 0; i < count; i++)
        if (has_no_rows(relids[i]) && can_refresh_here(relids[i]) && !is_held(relids[i]) && !is_to_be_set_up(relids[i]))
            empty[empty_count++] = relids[i];
    if (empty_count > 0)
        (void)refresh_here(empty, empty_count);
    pfree(empty);
    return empty_count > 0;
}

/* Requests a refresh of all stream tables at once, and judges again those that were not refreshed, as those for which
 * the refresh would wait for a lock of this transaction. Returns whether all are fresh. */
bool request_all(const Oid *relids, int count, bool *has_refreshed)
{
    bool is_fresh = true;
    Obstacle obstacle = request_and_wait(relids, count, Waiter::statement);
    if (obstacle == Obstacle::no_manager) {
        *has_refreshed |= fill_without_manager(relids, count);
        if (std::any_of(relids, relids + count, has_no_rows))
            obstacle = request_of_next_manager(relids, count);
    }
    for (int i = 0; i < count; i++) {
        if (obstacle == Obstacle::none) {
            /* It was refreshed as of the request. Later changes do not concern this statement. */
            Freshness freshness;
            freshness.is_populated =
                mailbox::status_of(relids[i]).state.is_populated || state::visible_row(relids[i]).is_populated;
            require_populated(relids[i], freshness);
            if (has_to_be_current(relids[i]) && own_effects_on(relids[i]).has_changes) {
                is_fresh = false;
                apply_on_stale(relids[i], Obstacle::own_changes);
            }
            continue;
        }
        Freshness freshness = judge(relids[i], GetCurrentTimestamp());
        if (freshness.obstacle == Obstacle::none)
            freshness.obstacle = obstacle;
        require_populated(relids[i], freshness);
        if (freshness.verdict == Verdict::serve || lacks_nothing(relids[i]))
            continue;
        is_fresh = false;
        apply_on_stale(relids[i], freshness.obstacle);
    }
    return is_fresh;
}

struct Actions {
    Oid *requested;
    int requested_count;
    Oid *own;
    int own_count;
    bool has_stale;
};

/* Adds why a stream table has no rows, for a statement that does not wait for its fill. */
Freshness with_reason(Oid relid, Freshness freshness)
{
    if (freshness.is_populated || freshness.obstacle != Obstacle::none)
        return freshness;
    const Obstacle found = obstacle_in(mailbox::status_of(relid).state);
    freshness.obstacle = found == Obstacle::none && is_held(relid) ? Obstacle::held : found;
    return freshness;
}

/* Decides by `freshness` whether the stream table, one of at most `count`, is served or put on a list. `snapshot` is
 * the statement's if it is fixed, or null. */
void act_on_verdict(Actions *actions, int count, Oid relid, const Freshness &freshness, Snapshot snapshot)
{
    definition::end_restoring();
    switch (freshness.verdict) {
    case Verdict::request:
        if (actions->requested == nullptr)
            actions->requested = static_cast<Oid *>(palloc(sizeof(Oid) * count));
        actions->requested[actions->requested_count++] = relid;
        return;
    case Verdict::refresh_here:
        if (is_held(relid))
            return act_on_verdict(actions, count, relid, {Verdict::stale, Obstacle::held, freshness.is_populated},
                                  snapshot);
        if (is_to_be_set_up(relid))
            return act_on_verdict(actions, count, relid,
                                  {Verdict::stale, Obstacle::own_changes, freshness.is_populated}, snapshot);
        if (actions->own == nullptr)
            actions->own = static_cast<Oid *>(palloc(sizeof(Oid) * count));
        actions->own[actions->own_count++] = relid;
        return;
    case Verdict::stale:
        require_populated(relid, freshness);
        actions->has_stale = true;
        apply_on_stale(relid, keeps_its_rows(relid, snapshot) ? Obstacle::held : freshness.obstacle);
        return;
    case Verdict::serve: require_populated(relid, with_reason(relid, freshness)); return;
    }
}

} // namespace

bool lacks_what_was_left_out(Oid relid, const std::vector<Oid> &left_out)
{
    if (left_out.empty())
        return false;
    const std::vector<Oid> upstreams = definition::upstreams_of(relid);
    const Snapshot latest = call([] { return RegisterSnapshot(latest_snapshot()); });
    const bool is_lacking = std::any_of(left_out.begin(), left_out.end(), [&](Oid one) {
        return std::find(upstreams.begin(), upstreams.end(), one) != upstreams.end() &&
               call([=] { return has_pending_changes(one, latest, false, GetCurrentStatementStartTimestamp()); });
    });
    call([=] { UnregisterSnapshot(latest); });
    return is_lacking;
}

namespace {

/* Refreshes in this transaction; does not wait for the locks of other refreshes. */
refresh::SkippedMembers try_to_refresh(const std::vector<Oid> &members)
{
    refresh::SkippedMembers skipped;
    const TimestampTz started_at = GetCurrentTimestamp();
    try {
        for (const refresh::Outcome &outcome : refresh::refresh_batch({.members = members,
                                               .wait = refresh::LockWait::skip_if_locked,
                                               .requested_by = scheduler::RequestedBy::reader},
                                                                      &skipped))
            record_in_history(outcome, catalog::InitiatedBy::scan);
        record_left_out(skipped, started_at, catalog::InitiatedBy::scan);
    } catch (const PgError &error) {
        record_failure_in_history(members.front(), started_at, catalog::InitiatedBy::scan, error);
        throw;
    }
    call([] { CommandCounterIncrement(); });
    return skipped;
}

/* Keeps on trying while it is useful to wait for the transaction that excludes the refresh. */
refresh::SkippedMembers refresh_when_free(const std::vector<Oid> &members)
{
    const Stopwatch waited;
    for (;;) {
        refresh::SkippedMembers skipped = try_to_refresh(members);
        if (!OidIsValid(skipped.locked) ||
            !call([&] { return await_holder(skipped.lock, waited, members.data(), static_cast<int>(members.size())); }))
            return skipped;
    }
}

void report(Oid relid, Obstacle obstacle)
{
    require_populated(relid, {Verdict::stale, obstacle, state::visible_row(relid).is_populated});
    apply_on_stale(relid, obstacle);
}

/* The stream tables that a refresh in this transaction has left out, and why. */
struct LeftHere {
    bool is_locked; /* nothing was refreshed */
    Oid *held, *beside_failed;
    int held_count, beside_failed_count;
    SkippedUpstreams upstreams;
};

LeftHere refresh_what_can_be(const Oid *relids, int count)
{
    const bool goes_by_schedules = std::none_of(relids, relids + count, has_to_be_current);
    LeftHere left = {};
    left.upstreams = refresh_others(relids, count, goes_by_schedules);
    left.held = static_cast<Oid *>(palloc(sizeof(Oid) * count));
    left.beside_failed = static_cast<Oid *>(palloc(sizeof(Oid) * count));
    enter([&] {
        const std::vector<Oid> members(relids, relids + count);
        refresh::SkippedMembers skipped = refresh_when_free(members);
        left.is_locked = OidIsValid(skipped.locked);
        if (left.is_locked)
            return;
        for (Oid each : members)
            if (std::find(skipped.held.begin(), skipped.held.end(), each) == skipped.held.end() &&
                call([=] { return has_to_be_current(each); }) && lacks_what_was_left_out(each, skipped.upstreams))
                skipped.held.push_back(each);
        left.held_count = static_cast<int>(skipped.held.size());
        std::copy(skipped.held.begin(), skipped.held.end(), left.held);
        left.beside_failed_count = static_cast<int>(skipped.beside_failed.size());
        std::copy(skipped.beside_failed.begin(), skipped.beside_failed.end(), left.beside_failed);
    });
    return left;
}

} // namespace

bool refresh_here(const Oid *relids, int count)
{
    const LeftHere left = refresh_what_can_be(relids, count);
    for (int i = 0; left.is_locked && i < count; i++)
        report(relids[i], Obstacle::locked);
    for (int i = 0; i < left.beside_failed_count; i++)
        apply_on_stale(left.beside_failed[i], Obstacle::own_changes);
    for (int i = 0; i < left.held_count; i++)
        report(left.held[i], Obstacle::held);
    for (int i = 0; i < left.upstreams.count; i++)
        apply_on_stale(left.upstreams.list[i].relid, left.upstreams.list[i].obstacle);
    return !left.is_locked && left.held_count + left.beside_failed_count + left.upstreams.count == 0;
}

bool can_refresh_all_here(const Oid *relids, int count)
{
    return std::all_of(relids, relids + count, can_refresh_here) && !reads_upstreams_of_others(relids, count);
}

Oid *tables_to_align(const Oid *relids, int count, int *found_count)
{
    auto *found = static_cast<Oid *>(palloc(sizeof(Oid) * count));
    *found_count = 0;
    for (int i = 0; i < count && guc::enabled; i++)
        if (has_to_be_current(relids[i]))
            found[(*found_count)++] = relids[i];
    return found;
}

Passed pass_barrier(const Oid *relids, int count)
{
    TimestampTz now = GetCurrentTimestamp();
    Actions actions = {};
    bool must_request = false;
    for (int i = 0; i < count; i++) {
        Freshness freshness = judge(relids[i], now);
        must_request |= freshness.verdict == Verdict::request;
        act_on_verdict(&actions, count, relids[i], freshness, nullptr);
    }
    if (actions.requested_count + actions.own_count == 0)
        return {false, !actions.has_stale, false};
    /* Stream tables that are fresh enough are refreshed too: one refresh brings all to one frontier, so that
     * the statement does not see one of them with changes that another lacks. */
    for (int i = 0; must_request && i < count; i++) {
        Freshness freshness = judge(relids[i], now);
        bool is_requested = false;
        for (int j = 0; j < actions.requested_count; j++)
            is_requested |= actions.requested[j] == relids[i];
        /* This includes a stream table that has become stale since it was judged above. */
        if (!is_requested && freshness.can_request)
            actions.requested[actions.requested_count++] = relids[i];
    }
    bool is_fresh = !actions.has_stale, has_refreshed = actions.own_count > 0;
    if (actions.own_count > 0)
        is_fresh = refresh_here(actions.own, actions.own_count) && is_fresh;
    if (actions.requested_count > 0)
        is_fresh = request_all(actions.requested, actions.requested_count, &has_refreshed) && is_fresh;
    return {has_refreshed, is_fresh, actions.requested_count > 0};
}

Expected expected_of(const Oid *relids, int count)
{
    definition::end_restoring();
    const TimestampTz now = GetCurrentTimestamp();
    bool is_any_requested = false, has_one_to_be_current = false;
    for (int i = 0; i < count; i++) {
        const Freshness freshness = judge(relids[i], now);
        const mailbox::OwnEffects own = own_effects_on(relids[i]);
        if ((freshness.verdict != Verdict::serve && freshness.verdict != Verdict::request) || !freshness.is_populated ||
            own.has_changes || own.holds_it)
            return Expected::anything;
        is_any_requested |= freshness.verdict == Verdict::request;
        has_one_to_be_current |= guc::enabled && has_to_be_current(relids[i]);
    }
    return is_any_requested ? Expected::request : has_one_to_be_current ? Expected::anything : Expected::nothing;
}

namespace {

/* Locks it as a reader does, if that takes no wait and it still exists. */
bool lock_at_once(Oid relid)
{
    if (!ConditionalLockRelationOid(relid, AccessShareLock))
        return false;
    if (definition::is_stream_table(relid))
        return true;
    UnlockRelationOid(relid, AccessShareLock);
    return false;
}

} // namespace

Passed refresh_ahead(const Oid *relids, int count)
{
    const TimestampTz now = GetCurrentTimestamp();
    auto *locked = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
    auto *requested = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
    auto *own = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
    int locked_count = 0, requested_count = 0, own_count = 0;
    for (int i = 0; i < count; i++) {
        if (!lock_at_once(relids[i]))
            continue;
        locked[locked_count++] = relids[i];
        const Verdict verdict = judge(relids[i], now).verdict;
        if (verdict == Verdict::request)
            requested[requested_count++] = relids[i];
        else if (verdict == Verdict::refresh_here && !is_held(relids[i]) && !is_to_be_set_up(relids[i]))
            own[own_count++] = relids[i];
    }
    if (own_count > 0)
        (void)refresh_what_can_be(own, own_count);
    (void)request_and_wait(requested, requested_count, Waiter::statement);
    for (int i = 0; i < locked_count; i++)
        UnlockRelationOid(locked[i], AccessShareLock);
    return {own_count > 0, true, requested_count > 0};
}

void fill_ahead(const Oid *relids, int count)
{
    definition::end_restoring();
    auto *empty = static_cast<Oid *>(palloc(sizeof(Oid) * count));
    int empty_count = 0;
    for (int i = 0; i < count; i++)
        if (has_no_rows(relids[i]) && judge(relids[i], GetCurrentTimestamp()).verdict == Verdict::request)
            empty[empty_count++] = relids[i];
    (void)request_and_wait(empty, empty_count, Waiter::statement);
    pfree(empty);
}

bool is_refresh_to_be_replayed(const Oid *relids, int count, const FixedSnapshot &fixed)
{
    if (guc::max_staleness_ms >= 0)
        return false;
    const TimestampTz now = GetCurrentTimestamp();
    const int64_t tolerated_us = static_cast<int64_t>(guc::scan_refresh_timeout_ms) * 1000;
    bool is_any_late = false;
    for (int i = 0; i < count; i++) {
        if (judge_as_of(relids[i], fixed.snapshot, fixed.taken_at).verdict == Verdict::serve)
            continue;
        if (judge_as_of(relids[i], fixed.snapshot, now, tolerated_us).verdict != Verdict::serve)
            return false;
        is_any_late = true;
    }
    return is_any_late;
}

void pass_barrier_as_of(const Oid *relids, int count, const FixedSnapshot &fixed)
{
    Actions actions = {};
    for (int i = 0; i < count; i++)
        act_on_verdict(&actions, count, relids[i], judge_as_of(relids[i], fixed.snapshot, fixed.taken_at),
                       fixed.snapshot);
}

} // namespace pgtrickle
