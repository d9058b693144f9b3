#include "fdw/read/freshness.hpp"

#include "capture/triggers/open_statement.hpp"
#include "definition/guc.hpp"
#include "definition/state/frontier.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "definition/time_zone.hpp"
#include "fdw/read/session/own_effects.hpp"
#include "fdw/read/session/past_exact_reads.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "fdw/scan/served_relation.hpp"
#include "mailbox/mailbox.hpp"
#include "mailbox/own_schedules.hpp"
#include "refresh/batch/holds.hpp"
#include "refresh/batch/refresh_right.hpp"
#include "refresh/batch/upstreams_of_others.hpp"
#include "refresh/code/interpreted_code.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/xlog.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <optional>

namespace pgtrickle {

namespace {

/* Negative: by the schedule. What has to be read exactly, and cannot, is to be current at least. */
int64_t wanted_staleness_ms()
{
    return guc::read_mode == static_cast<int>(guc::ReadMode::exact) ? 0 : guc::max_staleness_ms;
}

/* Returns true if staleness is judged by the stream table's own schedule. Changes that
 * upstreams with schedules of their own have not applied yet do not count then. */
bool is_by_own_schedule(Oid relid)
{
    return wanted_staleness_ms() < 0 && !find_served_relation(relid)->schedule.is_always_fresh();
}

/* Returns true if changes that may be missing since `since` make the stream table too old for a reader at `now`, who
 * tolerates that they are missing for `tolerated_us` longer than permitted. */
bool is_too_old(Oid relid, TimestampTz since, TimestampTz now, int64_t tolerated_us = 0)
{
    /* If the clock has been set back, the age is unknown. Small steps are tolerated. */
    const int64_t wanted_ms = wanted_staleness_ms();
    if (wanted_ms == 0 || since > now + USECS_PER_SEC)
        return true;
    now = std::max(now - tolerated_us, std::min(since, now));
    if (wanted_ms > 0)
        return since == DT_NOBEGIN || now - since > wanted_ms * 1000;
    const scheduler::Schedule &schedule = find_served_relation(relid)->schedule;
    if (schedule.kind != scheduler::Schedule::Kind::cron)
        return scheduler::is_due_for_reader(schedule, since, now, scheduler::utc);
    return scheduler::is_due_for_reader(schedule, since, now,
                                        definition::DatabaseZone(definition::published_time_zone()));
}

/* Returns what keeps the stream table from being refreshed, which may be about one that it reads. C++ frame. */
Obstacle obstacle_to(Oid relid)
{
    for (const Oid one : definition::with_upstreams(relid)) {
        const mailbox::State state = call([=] { return mailbox::status_of(one).state; });
        if (const Obstacle found = obstacle_in(state); found != Obstacle::none)
            return found;
        if (refresh::hold_on(one))
            return Obstacle::held;
    }
    return Obstacle::none;
}

constexpr int most_upstreams = 64;

/* Whether a change that has been missing since `since` makes the rows of an upstream too old for those who read it, and
 * for those who read `relid`. */
bool is_too_old_for_both(Oid relid, Oid upstream, TimestampTz since, TimestampTz now, int64_t tolerated_us)
{
    return is_too_old(relid, since, now, tolerated_us) && is_too_old(upstream, since, now, tolerated_us);
}

/* Returns why an upstream that keeps to a schedule of its own exceeds that, if it is not refreshed, or not in the time
 * that its own readers would wait: its rows are read as they are, so what it lacks is missing here, and no refresh of
 * the stream table brings it. `since` is the time of the oldest change that is missing for any reason: if this is not
 * too old for the stream table itself, no upstream is looked at. */
Obstacle obstacle_below(Oid relid, TimestampTz since, TimestampTz now)
{
    if (since == 0 || !is_too_old(relid, since, now))
        return Obstacle::none;
    mailbox::PendingUpstream upstreams[most_upstreams];
    const int count = mailbox::pending_own_schedules(relid, upstreams, most_upstreams);
    for (int i = 0; i < count; i++) {
        const Oid upstream = upstreams[i].relid;
        const TimestampTz missing_since = upstreams[i].since;
        if (find_served_relation(upstream) == nullptr || !is_too_old_for_both(relid, upstream, missing_since, now, 0))
            continue;
        if (const Obstacle found = enter([=] { return obstacle_to(upstream); }); found != Obstacle::none)
            return found;
        const int64_t waited_us = static_cast<int64_t>(guc::scan_refresh_timeout_ms) * 1000;
        if (missing_since != DT_NOBEGIN && is_too_old_for_both(relid, upstream, missing_since, now, waited_us))
            return Obstacle::late_upstream;
    }
    return Obstacle::none;
}

/* Returns since when a change that `snapshot` sees may be missing in the storage that it sees, whose row of
 * pgt_state is `seen`; 0 if none is. All changes committed before the frontier's snapshot have been applied,
 * so no pending change is older. The mailbox knows the commit time of the oldest pending change, but only as
 * of now: it holds for the snapshot if the stream table has not been refreshed since. The row is read after
 * the mailbox, which learns of a refresh later than the row shows it. */
TimestampTz stale_since_as_of(Oid relid, Snapshot snapshot, const state::VisibleRow &seen, bool is_by_schedule)
{
    const mailbox::MailboxStatus known = mailbox::status_of(relid);
    if (!known.is_known || own_effects_on(relid).has_changes)
        return seen.data_timestamp;
    if (!is_of_last_refresh(relid, snapshot) || state::visible_row(relid).needs_reinit)
        return seen.data_timestamp;
    const TimestampTz since = is_by_schedule ? known.scheduled_stale_since() : known.stale_since();
    if (is_by_schedule && known.waits_for_others)
        return 0;
    return since == 0 || since > seen.data_timestamp ? since : seen.data_timestamp;
}

struct AsOf {
    Snapshot snapshot;
    TimestampTz taken_at;
    int64_t tolerated_us; /* how much longer than permitted changes may be missing */
};

bool has_pending_changes_as_of(Oid relid, const AsOf &as_of, bool is_by_schedule)
{
    const TimestampTz begun_at =
        IsolationUsesXactSnapshot() ? GetCurrentTransactionStartTimestamp() : GetCurrentStatementStartTimestamp();
    return has_pending_changes(relid, as_of.snapshot, is_by_schedule, begun_at);
}

bool is_upstream_too_old(Oid relid, Oid upstream, const AsOf &as_of)
{
    if (!keeps_own_schedule(upstream))
        return false;
    const TimestampTz since =
        stale_since_as_of(upstream, as_of.snapshot, state::visible_row(upstream, as_of.snapshot), true);
    return since != 0 && is_too_old_for_both(relid, upstream, since, as_of.taken_at, as_of.tolerated_us) &&
           has_pending_changes_as_of(upstream, as_of, true);
}

/* As obstacle_below(): returns whether an upstream with a schedule of its own exceeds that as of the snapshot, for
 * whatever reason: it may have been refreshed since. */
bool is_one_below_too_old(Oid relid, const state::VisibleRow &seen, const AsOf &as_of)
{
    const TimestampTz since = stale_since_as_of(relid, as_of.snapshot, seen, false);
    if (since == 0 || !is_too_old(relid, since, as_of.taken_at, as_of.tolerated_us))
        return false;
    return enter([&] {
        const std::vector<Oid> upstreams = definition::upstreams_of(relid);
        return std::any_of(upstreams.begin(), upstreams.end(), [&](Oid upstream) {
            return call([&] { return is_upstream_too_old(relid, upstream, as_of); });
        });
    });
}

/* Whether this transaction has changed a source of one of the stream tables by a statement that is in progress. C++
 * frame. */
bool is_any_unlogged(const std::vector<Oid> &relids, CommandId reader)
{
    for (const Oid relid : relids)
        for (const Source &source : definition::sources_of(relid))
            if (call([&] { return capture::has_unlogged_changes(source.relid, reader); }))
                return true;
    return false;
}

/* Whether a refresh of the stream table in this session would have to apply such a change, of the stream table or of
 * one that is refreshed with it. */
bool would_refresh_unlogged(Oid relid)
{
    const CommandId now = GetCurrentCommandId(false);
    return capture::has_open_statement() && enter([=] { return is_any_unlogged(refresh::refreshed_with(relid), now); });
}

/* Whether the session has read exactly what the stored rows lack of the changes committed since `since`. This
 * transaction may have applied them. */
bool lacks_read_changes(Oid relid, TimestampTz since, const mailbox::OwnEffects &own)
{
    if (!lacks_what_was_read(relid, since))
        return false;
    const state::VisibleRow seen = own.holds_it ? state::visible_row(relid) : state::VisibleRow();
    const bool is_refreshed_here = seen.is_own && !seen.needs_reinit;
    return !is_refreshed_here || lacks_what_was_read(relid, std::max(since, seen.data_timestamp));
}

bool may_refresh(Oid relid)
{
    return enter([=] { return refresh::may_refresh_here(relid); });
}

/* A refresh in the middle of the transaction would keep other writers from committing until its end. The exact read
 * that stands for it may run here. */
bool is_left_to_commit(Oid relid, const mailbox::OwnEffects &own)
{
    return find_served_relation(relid)->is_immediate && own.has_changes && !own.holds_it &&
           enter([=] { return refresh::may_run_here(relid); });
}

/* Whether a commit that goes on, and that nothing sees yet, applies the changes that the mailbox counts as missing. */
bool is_being_applied(Oid relid)
{
    return find_served_relation(relid)->is_immediate && lacks_nothing(relid);
}

/* Judges a stream table that has to show what this transaction has changed. Nothing: it is judged as any other. */
std::optional<Freshness> judge_own_changes(Oid relid, const mailbox::MailboxStatus &known,
                                           const mailbox::OwnEffects &own, bool is_populated)
{
    if (own.is_current && is_populated)
        return Freshness{Verdict::serve, Obstacle::none, true};
    if (is_left_to_commit(relid, own) && is_populated)
        return Freshness{Verdict::stale, Obstacle::own_changes, true};
    if (can_refresh_here(relid))
        return Freshness{Verdict::refresh_here, Obstacle::none, is_populated};
    const bool is_refreshable_by_others_only = !may_refresh(relid);
    /* The manager applies the changes of others, and may find that this transaction has changed nothing
     * that the stream table reads. */
    if (is_refreshable_by_others_only && own.has_changes && !known.is_current() &&
        obstacle_in(known.state) == Obstacle::none)
        return Freshness{Verdict::request, Obstacle::none, is_populated, true};
    /* Only this transaction sees its changes, or holds the lock. */
    if (own.has_changes || own.holds_it)
        return Freshness{Verdict::stale,
                         is_refreshable_by_others_only   ? Obstacle::own_changes
                         : would_refresh_unlogged(relid) ? Obstacle::open_statement
                                                         : Obstacle::read_only,
                         is_populated};
    return std::nullopt;
}

} // namespace

Obstacle obstacle_in(const mailbox::State &state)
{
    return state.is_suspended ? Obstacle::suspended : state.is_failing ? Obstacle::failed : Obstacle::none;
}

bool lacks_unlogged_changes(Oid relid, CommandId reader)
{
    return capture::has_open_statement() &&
           enter([=] { return is_any_unlogged(definition::with_upstreams(relid), reader); });
}

bool lacks_nothing(Oid relid)
{
    const mailbox::MailboxStatus known = mailbox::status_of(relid);
    if (!known.is_known || known.dirty_since == DT_NOBEGIN || known.time_dependent_since != 0)
        return false;
    const Snapshot latest = RegisterSnapshot(latest_snapshot());
    const bool is_pending = has_logged_changes(relid, latest);
    UnregisterSnapshot(latest);
    return !is_pending;
}

bool lacks_what_was_read(Oid relid, TimestampTz since)
{
    return since != 0 && since <= read_exactly_at(relid);
}

bool lacks_what_was_read_as_of(Oid relid, Snapshot snapshot)
{
    return read_exactly_at(relid) != 0 &&
           lacks_what_was_read(relid, stale_since_as_of(relid, snapshot, state::visible_row(relid, snapshot), false));
}

bool has_to_be_current(Oid relid)
{
    if (lacks_own_changes_read(relid))
        return true;
    if (wanted_staleness_ms() >= 0)
        return wanted_staleness_ms() == 0;
    return find_served_relation(relid)->schedule.is_always_fresh();
}

bool can_refresh_here(Oid relid)
{
    return !XactReadOnly && !IsInParallelMode() && !RecoveryInProgress() && may_refresh(relid) &&
           !would_refresh_unlogged(relid);
}

Freshness judge(Oid relid, TimestampTz now)
{
    mailbox::MailboxStatus known = mailbox::status_of(relid);
    mailbox::OwnEffects own = own_effects_on(relid);
    bool is_populated = known.is_known && !known.is_state_doubtful && known.state.is_populated && !own.holds_it;
    TimestampTz own_since = DT_NOBEGIN; /* this transaction has applied the changes committed before this time */
    if (!is_populated || known.dirty_since == DT_NOBEGIN) {
        /* The mailbox knows too little, for example after a restart. Changes visible to the frontier's
         * snapshot have been applied, so no pending change is older. */
        state::VisibleRow seen = state::visible_row(relid);
        is_populated = seen.is_populated;
        own.holds_it |= seen.is_own;
        if (seen.is_own && !seen.needs_reinit)
            own_since = seen.data_timestamp;
        if (known.dirty_since == DT_NOBEGIN && !seen.needs_reinit)
            known.dirty_since = seen.data_timestamp;
        if (known.scheduled_dirty_since == DT_NOBEGIN && !seen.needs_reinit)
            known.scheduled_dirty_since = seen.data_timestamp;
    }
    if (!guc::enabled)
        return {Verdict::serve, Obstacle::none, is_populated};
    const bool lacks_unlogged = lacks_unlogged_changes(relid, GetCurrentCommandId(false));
    if (lacks_unlogged && has_to_be_current(relid))
        return {Verdict::stale, Obstacle::open_statement, is_populated};
    /* The manager may have been unable to lock an upstream or companion that this transaction has locked. */
    bool is_own = own.has_changes || own.holds_it || (mailbox::holds_any() && !known.is_current());
    if (is_own && has_to_be_current(relid))
        if (const auto judged = judge_own_changes(relid, known, own, is_populated))
            return *judged;
    if (own.holds_it && !is_populated)
        return {Verdict::serve, Obstacle::none, false};
    const bool is_by_schedule = is_by_own_schedule(relid);
    TimestampTz since = is_by_schedule ? known.scheduled_stale_since() : known.stale_since();
    if (since != 0 && since < own_since)
        since = own_since;
    if (is_populated && !lacks_read_changes(relid, known.stale_since(), own) &&
        (since == 0 || (is_by_schedule && known.waits_for_others) || !is_too_old(relid, since, now))) {
        const bool is_refreshable = obstacle_in(known.state) == Obstacle::none;
        const Obstacle below =
            is_by_schedule && !own.holds_it ? obstacle_below(relid, known.stale_since(), now) : Obstacle::none;
        if (below == Obstacle::none)
            return {Verdict::serve, Obstacle::none, true, !own.holds_it && is_refreshable};
        if (is_refreshable)
            return {Verdict::stale, below, true};
    }
    /* No other process can take the lock of a stream table that this transaction holds. */
    if (own.holds_it && lacks_unlogged)
        return {Verdict::stale, Obstacle::open_statement, true};
    if (own.holds_it)
        return {can_refresh_here(relid) ? Verdict::refresh_here : Verdict::stale, Obstacle::read_only, true};
    if (const Obstacle obstacle = obstacle_in(known.state); obstacle != Obstacle::none)
        return {Verdict::stale, obstacle, is_populated};
    const bool is_served = is_populated && !is_own && is_being_applied(relid);
    return {is_served ? Verdict::serve : Verdict::request, Obstacle::none, is_populated, true};
}

Freshness judge_as_of(Oid relid, Snapshot snapshot, TimestampTz taken_at, int64_t tolerated_us)
{
    const AsOf as_of = {snapshot, taken_at, tolerated_us};
    state::VisibleRow seen = state::visible_row(relid, snapshot);
    require_storage_seen(relid, find_served_relation(relid)->storage, snapshot);
    if (!guc::enabled || !seen.is_populated)
        return {Verdict::serve, Obstacle::none, seen.is_populated};
    if (has_to_be_current(relid) && lacks_unlogged_changes(relid, snapshot->curcid))
        return {Verdict::stale, Obstacle::open_statement, true};
    const bool is_read = lacks_what_was_read_as_of(relid, snapshot);
    const bool is_by_schedule = is_by_own_schedule(relid) && !is_read;
    const TimestampTz since = stale_since_as_of(relid, snapshot, seen, is_by_schedule);
    const bool lacks_too_much = since != 0 && (is_read || is_too_old(relid, since, taken_at, tolerated_us)) &&
                                has_pending_changes_as_of(relid, as_of, is_by_schedule);
    if (!lacks_too_much && !(is_by_schedule && is_one_below_too_old(relid, seen, as_of)))
        return {Verdict::serve, Obstacle::none, true};
    return {Verdict::stale, RecoveryInProgress() ? Obstacle::standby : Obstacle::fixed_snapshot, true};
}

} // namespace pgtrickle
