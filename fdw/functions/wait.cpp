/*
 * wait_until_fresh: waits until the manager has applied all changes that were committed before the call; on a standby,
 * until a refresh is replayed that has all changes which were replayed before the call.
 */
#include "definition/definition.hpp"
#include "definition/guc.hpp"
#include "definition/state/frontier.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/read/on_stale.hpp"
#include "fdw/read/refresh_wait.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "fdw/read/stopwatch.hpp"
#include "fdw/sql/arguments.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/attempt.hpp"
#include "pg/lock_chain.hpp"
#include "pg/settings.hpp"
#include "refresh/batch/excluded_members.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "storage/latch.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"
}

#include <algorithm>
#include <climits>

namespace pgtrickle {

namespace {

constexpr int pause_ms = 100; /* before another request, without a manager or after a failed refresh */

/* Makes one request, which waits for at most `limit_ms`. PostgreSQL frame. */
Obstacle request_for(Oid relid, int limit_ms)
{
    int level = NewGUCNestLevel();
    set_for_now("pg_trickle.scan_refresh_timeout", psprintf("%d", limit_ms));
    Obstacle obstacle = request_and_wait(&relid, 1, Waiter::caller);
    AtEOXact_GUC(false, level);
    return obstacle;
}

/* Sleeps for at most `rest_ms`. The stream table, which is not locked, may be dropped meanwhile. */
void pause(Oid relid, int64_t rest_ms)
{
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                    static_cast<long>(std::min<int64_t>(rest_ms, pause_ms)), PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    AcceptInvalidationMessages();
    if (!definition::is_stream_table(relid))
        enter([=] { definition::raise_dropped(relid); });
}

[[noreturn]] void raise_suspended(Oid relid)
{
    const refresh::HoldExplanation explanation = refresh::explain_inactive(relid);
    raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
           .message = std::string("stream table ") + call([=] { return definition::qualified_name(relid); }) +
                      " is suspended, or reads a suspended stream table",
           .detail = explanation.sentence,
           .hint = explanation.hint});
}

/* Waits until the stream table is current. Returns false if that takes longer than `limit_ms`, with a warning if it is
 * not only a matter of time. PostgreSQL frame. */
bool wait_until_current(Oid relid, int64_t limit_ms)
{
    const Stopwatch waited;
    Obstacle obstacle = Obstacle::timed_out;
    while (!mailbox::is_current(relid)) {
        int64_t rest_ms = limit_ms - waited.ms();
        if (rest_ms <= 0) {
            if (obstacle != Obstacle::timed_out)
                warn_of_no_refresh(relid, obstacle);
            return false;
        }
        obstacle = request_for(relid, static_cast<int>(std::min<int64_t>(rest_ms, INT_MAX)));
        if (obstacle == Obstacle::none)
            return true;
        if (obstacle == Obstacle::suspended)
            enter([=] { raise_suspended(relid); });
        pause(relid, rest_ms);
    }
    return true;
}

/* As wait_until_current(), also for the definition, which a refresh may have changed: the stream table is current
 * before the refresh has sent its invalidations. PostgreSQL frame. */
bool wait_until_fresh(Oid relid, int64_t limit_ms)
{
    if (!wait_until_current(relid, limit_ms))
        return false;
    await_invalidations_under(state::refresh_lock(relid));
    return true;
}

/* Whether the rows that have been replayed have all changes that the frontier includes, or all that have been replayed.
 * PostgreSQL frame. */
bool is_replayed(Oid relid, const Frontier &wanted)
{
    const Snapshot latest = RegisterSnapshot(latest_snapshot());
    const state::VisibleRow seen = state::visible_row(relid, latest);
    const bool has_wanted = seen.is_populated && seen.frontier != nullptr && enter([&] {
                                return Frontier::from_text(seen.frontier, seen.own_xid, seen.own_seq).includes(wanted);
                            });
    const bool answer = seen.is_populated &&
                        (has_wanted || !has_pending_changes(relid, latest, false, GetCurrentStatementStartTimestamp()));
    UnregisterSnapshot(latest);
    return answer;
}

/* As is_replayed(), without a lock on a log afterwards, for which replay would have to wait: the subtransaction that
 * has taken it is rolled back. C++ frame. */
bool is_replayed_without_locks(Oid relid, const Frontier &wanted)
{
    struct Answer {
        bool is_replayed;
    };
    try {
        in_subtransaction([&] { throw Answer{call([&] { return is_replayed(relid, wanted); })}; });
    } catch (const Answer &answer) {
        return answer.is_replayed;
    }
    return false;
}

/* As wait_until_fresh(), on a standby. C++ frame. */
bool wait_until_replayed(Oid relid, int64_t limit_ms)
{
    const Stopwatch waited;
    const Frontier wanted = Frontier::of_snapshot(call([] { return latest_snapshot(); }), 0);
    while (!is_replayed_without_locks(relid, wanted)) {
        const int64_t rest_ms = limit_ms - waited.ms();
        if (rest_ms <= 0) {
            call([=] { warn_of_no_refresh(relid, Obstacle::standby); });
            return false;
        }
        call([=] { pause(relid, rest_ms); });
    }
    return true;
}

/* Converts an interval to milliseconds from now. PostgreSQL frame. */
int64_t ms_of(Interval *timeout)
{
    TimestampTz now = GetCurrentTimestamp();
    Datum end = DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now), IntervalPGetDatum(timeout));
    return TimestampDifferenceMilliseconds(now, DatumGetTimestampTz(end));
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_wait_until_fresh)
{
    using namespace pgtrickle;
    std::string name = required_text(fcinfo, 0, "name");
    if (!has_argument(fcinfo, 1))
        refuse_argument("timeout must not be NULL");
    return call([&] {
        guc::require_stream_tables("wait for a stream table");
        Oid relid = visible_stream_table(name.c_str());
        const int64_t limit_ms = ms_of(PG_GETARG_INTERVAL_P(1));
        return BoolGetDatum(RecoveryInProgress() ? enter([=] { return wait_until_replayed(relid, limit_ms); })
                                                 : wait_until_fresh(relid, limit_ms));
    });
}
