#include "fdw/barrier.hpp"

#include "definition/guc.hpp"
#include "definition/restoring.hpp"
#include "fdw/freshness.hpp"
#include "fdw/history.hpp"
#include "fdw/refresh_request.hpp"
#include "fdw/serving.hpp"
#include "fdw/state_seen.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_name.hpp"
#include "pg/versions.hpp"
#include "refresh/holds.hpp"
#include "refresh/left_out.hpp"
#include "refresh/refresh.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/executor.h"
#include "storage/proc.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* What has it rest, in words, or null if nothing does by now. PostgreSQL frame. */
const char *explain_rest(Oid relid, bool is_hint)
{
    char *text = nullptr;
    enter([&] {
        refresh::Explanation explanation = refresh::explain_hold(relid);
        if (explanation.sentence.empty())
            explanation = refresh::explain_rest(relid);
        const std::string &words = is_hint ? explanation.hint : explanation.sentence;
        if (!words.empty())
            text = call([&] { return pstrdup(words.c_str()); });
    });
    return text;
}

bool is_held(Oid relid)
{
    return enter([=] { return refresh::hold_on(relid).has_value(); });
}

const char *explain(Oid relid, Obstacle obstacle)
{
    switch (obstacle) {
    case Obstacle::timed_out:
        return "It was not refreshed within pg_trickle.scan_refresh_timeout.";
    case Obstacle::failed:
        return "Its last refresh failed.";
    case Obstacle::suspended:
    case Obstacle::held:
        if (const char *rest = explain_rest(relid, false))
            return rest;
        /* Its end is not seen. */
        if (IsolationUsesXactSnapshot())
            return explain(relid, Obstacle::fixed_snapshot);
        break;
    case Obstacle::no_manager:
        return "No manager is running in this database.";
    case Obstacle::locked:
        return "Another transaction holds its lock.";
    case Obstacle::fixed_snapshot:
        return "The snapshot of this transaction or function is fixed, and changes that it sees are not "
               "taken in.";
    case Obstacle::read_only:
        return "Only this transaction could refresh it, and may not write now.";
    case Obstacle::standby:
        return "A standby cannot refresh it.";
    case Obstacle::none:
        break;
    }
    return "It has changed again since it was refreshed.";
}

const char *advise(Oid relid, Obstacle obstacle)
{
    switch (obstacle) {
    case Obstacle::failed:
        return psprintf("pgtrickle.get_refresh_history(%s) tells why.",
                        quote_literal_cstr(quoted_relation_name(relid)));
    case Obstacle::suspended:
    case Obstacle::held:
        if (const char *hint = explain_rest(relid, true))
            return hint;
        return advise(relid, IsolationUsesXactSnapshot() ? Obstacle::fixed_snapshot : Obstacle::none);
    case Obstacle::timed_out:
    case Obstacle::locked:
        return "See pgtrickle.blocked_refreshes() for locks that it waits for, call pgtrickle.refresh_stream_table(), or try again.";
    case Obstacle::read_only:
        return "Read it before SET TRANSACTION READ ONLY, and not by a function that is PARALLEL SAFE or RESTRICTED.";
    case Obstacle::fixed_snapshot:
        return "LOCK TABLE name IN ACCESS SHARE MODE as the first statement of the transaction refreshes it.";
    default:
        return "Call pgtrickle.refresh_stream_table(), or try again.";
    }
}

/* Of a stream table that is to be read but has never been filled. */
void require_populated(Oid relid, const Freshness &freshness)
{
    if (freshness.is_populated)
        return;
    bool is_to_be_lifted = freshness.obstacle == Obstacle::suspended || freshness.obstacle == Obstacle::held;
    const char *detail = explain(relid, freshness.obstacle);
    const char *hint = advise(relid, is_to_be_lifted ? freshness.obstacle : Obstacle::none);
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("stream table \"%s\" has not been populated", get_rel_name(relid)),
                    freshness.obstacle != Obstacle::none ? errdetail("%s", detail) : 0, errhint("%s", hint)));
}

/* One WARNING a statement of the client, however many statements of functions it runs; and one a transaction of what its
 * snapshot is the reason for, which stays what it is. */
bool is_first_warning(Obstacle obstacle)
{
    static TimestampTz warned_at = 0;
    static LocalTransactionId warned_in = InvalidLocalTransactionId;
    bool is_first = warned_at != GetCurrentStatementStartTimestamp();
    warned_at = GetCurrentStatementStartTimestamp();
    if (obstacle != Obstacle::fixed_snapshot || !IsolationUsesXactSnapshot())
        return is_first;
    is_first = is_first && warned_in != own_local_xid();
    warned_in = own_local_xid();
    return is_first;
}

void apply_on_stale(Oid relid, Obstacle obstacle)
{
    bool is_error = guc::on_stale == static_cast<int>(guc::OnStale::error);
    if (!is_error && !is_first_warning(obstacle))
        return;
    const char *detail = explain(relid, obstacle);
    const char *hint = advise(relid, obstacle);
    ereport(is_error ? ERROR : WARNING,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("stream table \"%s\" is staler than it may be", get_rel_name(relid)),
             errdetail("%s", detail), errhint("%s", hint)));
}

/* Asks for all of them at once, and judges those anew that were not refreshed. Returns whether all are fresh. */
bool ask_manager(const Oid *relids, int count)
{
    bool is_fresh = true;
    Obstacle obstacle = Obstacle::none;
    for (int first = 0; first < count && obstacle == Obstacle::none; first += mailbox::max_requested) {
        int rest = count - first;
        obstacle =
            request_refresh(relids + first, rest < mailbox::max_requested ? rest : mailbox::max_requested);
    }
    for (int i = 0; i < count; i++) {
        if (obstacle == Obstacle::none) {
            /* Refreshed as of the request: changes since then are none of this statement's. */
            Freshness freshness;
            freshness.is_populated =
                mailbox::look(relids[i]).state.is_populated || state_seen(relids[i], nullptr).is_populated;
            require_populated(relids[i], freshness);
            continue;
        }
        Freshness freshness = judge(relids[i], GetCurrentTimestamp());
        if (freshness.obstacle == Obstacle::none)
            freshness.obstacle = obstacle;
        require_populated(relids[i], freshness);
        if (freshness.verdict == Verdict::serve)
            continue;
        is_fresh = false;
        apply_on_stale(relids[i], freshness.obstacle);
    }
    return is_fresh;
}

struct Sorted {
    Oid *asked;
    int asked_count;
    Oid *own;
    int own_count;
    bool has_stale;
};

/* `freshness` of one of at most `count` stream tables: to be served, or put on a list. */
void sort(Sorted *sorted, int count, Oid relid, const Freshness &freshness)
{
    definition::end_restoring();
    switch (freshness.verdict) {
    case Verdict::ask:
        if (sorted->asked == nullptr)
            sorted->asked = static_cast<Oid *>(palloc(sizeof(Oid) * count));
        sorted->asked[sorted->asked_count++] = relid;
        return;
    case Verdict::refresh_here:
        if (is_held(relid))
            return sort(sorted, count, relid, {Verdict::stale, Obstacle::held, freshness.is_populated});
        if (sorted->own == nullptr)
            sorted->own = static_cast<Oid *>(palloc(sizeof(Oid) * count));
        sorted->own[sorted->own_count++] = relid;
        return;
    case Verdict::stale:
        require_populated(relid, freshness);
        sorted->has_stale = true;
        apply_on_stale(relid, freshness.obstacle);
        return;
    case Verdict::serve:
        require_populated(relid, freshness);
        return;
    }
}

} // namespace

bool refresh_here(const Oid *relids, int count)
{
    auto *held = static_cast<Oid *>(palloc(sizeof(Oid) * count));
    int held_count = 0;
    enter([&] {
        std::vector<Oid> members(relids, relids + count);
        refresh::Unrefreshed unrefreshed;
        TimestampTz started_at = GetCurrentTimestamp();
        try {
            for (const refresh::Outcome &outcome :
                 refresh::refresh_group({.members = members, .asked = scheduler::Asked::reader}, &unrefreshed))
                note_refresh(outcome, "SCAN");
        } catch (const PgError &error) {
            note_failed_refresh(members.front(), started_at, "SCAN", error);
            throw;
        }
        held_count = static_cast<int>(unrefreshed.held.size());
        std::copy(unrefreshed.held.begin(), unrefreshed.held.end(), held);
    });
    CommandCounterIncrement();
    for (int i = 0; i < held_count; i++) {
        require_populated(held[i], {Verdict::stale, Obstacle::held, state_seen(held[i], nullptr).is_populated});
        apply_on_stale(held[i], Obstacle::held);
    }
    pfree(held);
    return held_count == 0;
}

Oid *those_of_one_state(const Oid *relids, int count, int *found_count)
{
    auto *found = static_cast<Oid *>(palloc(sizeof(Oid) * count));
    *found_count = 0;
    for (int i = 0; i < count && guc::enabled; i++)
        if (has_to_be_current(relids[i]))
            found[(*found_count)++] = relids[i];
    return found;
}

void tell_behind(Oid relid)
{
    apply_on_stale(relid, Obstacle::none);
}

Passed pass_barrier(const Oid *relids, int count, const AskedRights *rights)
{
    TimestampTz now = GetCurrentTimestamp();
    Sorted sorted = {};
    bool has_to_ask = false;
    for (int i = 0; i < count; i++) {
        Freshness freshness = judge(relids[i], now);
        has_to_ask |= freshness.verdict == Verdict::ask;
        sort(&sorted, count, relids[i], freshness);
    }
    if (sorted.asked_count + sorted.own_count == 0)
        return {false, !sorted.has_stale, false};
    /* Those that are fresh enough go along: one refresh takes all to one frontier, and the
     * statement does not see one of them with the changes that another lacks. */
    for (int i = 0; has_to_ask && i < count; i++) {
        Freshness freshness = judge(relids[i], now);
        bool is_asked = false;
        for (int j = 0; j < sorted.asked_count; j++)
            is_asked |= sorted.asked[j] == relids[i];
        /* Also one that has become stale since it was judged above. */
        if (!is_asked && freshness.can_ask)
            sorted.asked[sorted.asked_count++] = relids[i];
    }
    if (rights != nullptr)
        check_rights(*rights);
    bool is_fresh = !sorted.has_stale;
    if (sorted.own_count > 0)
        is_fresh = refresh_here(sorted.own, sorted.own_count) && is_fresh;
    if (sorted.asked_count > 0)
        is_fresh = ask_manager(sorted.asked, sorted.asked_count) && is_fresh;
    return {sorted.own_count > 0, is_fresh, sorted.asked_count > 0};
}

bool pass_barrier_as_of(const Oid *relids, int count, const FixedSnapshot &fixed, const AskedRights *rights)
{
    Sorted sorted = {};
    for (int i = 0; i < count; i++) {
        mailbox::OwnPart own = mailbox::own_part(relids[i]);
        Freshness freshness = judge_as_of(relids[i], fixed.snapshot, fixed.taken_at);
        bool is_own = own.has_changes || own.holds_it;
        if (is_own && !fixed.is_inherited && freshness.verdict == Verdict::stale &&
            guc::max_staleness_ms == 0 && can_refresh_here())
            freshness.verdict = Verdict::refresh_here;
        sort(&sorted, count, relids[i], freshness);
    }
    if (sorted.own_count == 0)
        return false;
    if (rights != nullptr)
        check_rights(*rights);
    (void)refresh_here(sorted.own, sorted.own_count);
    return true;
}

} // namespace pgtrickle
