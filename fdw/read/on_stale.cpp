#include "fdw/read/on_stale.hpp"

#include "definition/guc.hpp"
#include "definition/lock_right.hpp"
#include "definition/stream_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/read/unrefreshed.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_name.hpp"
#include "pg/versions/processes.hpp"
#include "refresh/batch/excluded_members.hpp"
#include "refresh/batch/holds.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <vector>

namespace pgtrickle {

namespace {

using refresh::HoldExplanation;

/* Returns a part of the explanation; null if that is empty. PostgreSQL frame. */
template <class Explain> const char *part_of(Explain explain, bool is_hint)
{
    return enter([&]() -> const char * {
        const HoldExplanation explanation = explain();
        const std::string &words = is_hint ? explanation.hint : explanation.sentence;
        return words.empty() ? nullptr : call([&] { return pstrdup(words.c_str()); });
    });
}

/* Returns the reason why the stream table is not refreshed, or the hint, as text; null if the reason no
 * longer exists. PostgreSQL frame. */
const char *explain_inactive(Oid relid, bool is_hint)
{
    return part_of(
        [=] {
            const HoldExplanation explanation = refresh::explain_hold(relid);
            return explanation.sentence.empty() ? refresh::explain_inactive(relid) : explanation;
        },
        is_hint);
}

/* The stream table whose last refresh failed, so that another one is not refreshed. */
struct Failed {
    Oid relid;
    bool is_read; /* by the other one */
};

/* Returns itself, else the nearest one that it reads, else one without which it is not refreshed because of an atomic
 * set. C++ frame. */
Failed failed_one(Oid relid)
{
    Failed failed = {relid, false};
    auto is_failing = [](Oid each) { return call([=] { return mailbox::status_of(each).state.is_failing; }); };
    if (is_failing(relid))
        return failed;
    auto is_found = [&](const std::vector<Oid> &in, bool is_read) {
        const auto first = std::find_if(in.begin(), in.end(), is_failing);
        if (first != in.end())
            failed = {*first, is_read};
        return first != in.end();
    };
    if (is_found(definition::upstreams_of(relid), true))
        return failed;
    for (Oid member : refresh::members_of_needed_sets(relid))
        if (is_found(definition::with_upstreams(member), false))
            break;
    return failed;
}

HoldExplanation explain_failed(Oid relid)
{
    const Failed failed = failed_one(relid);
    const std::string name = call([&] { return quoted_relation_name(failed.relid); });
    return refresh::about({relid, failed.relid},
                          {failed.relid == relid ? "Its last refresh failed."
                           : failed.is_read      ? "It reads " + name + ", whose last refresh failed."
                                            : "It is not refreshed without " + name + ", whose last refresh failed.",
                           "See pgtrickle.get_refresh_history(" +
                               std::string(call([&] { return quote_literal_cstr(name.c_str()); })) +
                               ") for the error."});
}

/* PostgreSQL frame. */
const char *explain_failure(Oid relid, bool is_hint)
{
    return part_of([=] { return explain_failed(relid); }, is_hint);
}

/* Returns null if the reason no longer exists. */
const char *explain(Oid relid, Obstacle obstacle)
{
    switch (obstacle) {
    case Obstacle::timed_out: return "It was not refreshed within pg_trickle.scan_refresh_timeout.";
    case Obstacle::late_upstream:
        return "A stream table that it reads was not refreshed within pg_trickle.scan_refresh_timeout after its "
               "schedule.";
    case Obstacle::failed: return explain_failure(relid, false);
    case Obstacle::suspended:
    case Obstacle::held:
        if (const char *rest = explain_inactive(relid, false))
            return rest;
        /* The hold or suspension has ended, but that is not visible to this snapshot. */
        if (IsolationUsesXactSnapshot())
            return explain(relid, Obstacle::fixed_snapshot);
        break;
    case Obstacle::no_manager:
        /* One that runs has refused the request. */
        if (mailbox::manager_pid_of(MyDatabaseId) != 0)
            return "pg_trickle.enabled is off for the manager of this database.";
        return mailbox::do_managers_take_turns()
                   ? psprintf(
                         "No manager is running in this database, because max_worker_processes = %d leaves no room "
                         "for one in each database.",
                         max_worker_processes)
                   : "No manager is running in this database.";
    case Obstacle::locked: return "A transaction holds a lock that its refresh needs.";
    case Obstacle::fixed_snapshot:
        if (IsolationUsesXactSnapshot())
            return "The snapshot of this transaction is fixed, and changes that are visible to it have not been "
                   "applied.";
        return "A function reads it under the snapshot of the statement that called the function, and changes that "
               "are visible to the snapshot have not been applied.";
    case Obstacle::read_only: return "Only this transaction could refresh it, but it cannot write now.";
    case Obstacle::standby: return "A standby cannot refresh it, and has not replayed a later refresh.";
    case Obstacle::own_changes:
        return "This transaction has changed its sources, and the user of the transaction is not permitted to refresh "
               "it before the transaction ends.";
    case Obstacle::open_statement:
        return "A statement in progress changes its sources, and the changes can be applied only after the statement.";
    case Obstacle::code_of_owner:
        return "An exact read would run functions that are not written in C with the rights of the owner in a session "
               "of another role.";
    case Obstacle::none: break;
    }
    return nullptr;
}

/* The way to read the rows as they are now, without the manager. */
const char *instead_of_the_manager(Oid relid)
{
    return definition::may_store(relid) ? "call pgtrickle.refresh_stream_table()" : "set pg_trickle.read_mode to exact";
}

const char *advise(Oid relid, Obstacle obstacle)
{
    switch (obstacle) {
    case Obstacle::failed: return explain_failure(relid, true);
    case Obstacle::suspended:
    case Obstacle::held:
        if (const char *hint = explain_inactive(relid, true))
            return hint;
        return advise(relid, IsolationUsesXactSnapshot() ? Obstacle::fixed_snapshot : Obstacle::none);
    case Obstacle::locked:
        if (!definition::may_store(relid))
            return "See pgtrickle.blocked_refreshes() for locks that it waits for, or try again.";
        return psprintf("See pgtrickle.blocked_refreshes() for locks that it waits for, %s, or try again.",
                        instead_of_the_manager(relid));
    case Obstacle::late_upstream:
    case Obstacle::timed_out:
        return psprintf("See pgtrickle.blocked_refreshes() for locks, and pg_stat_activity for refreshes that occupy "
                        "the workers, %s, or try again.",
                        instead_of_the_manager(relid));
    case Obstacle::no_manager:
        return psprintf("%s, %s, or try again.",
                        mailbox::do_managers_take_turns() ? "Increase max_worker_processes"
                                                          : "See pgtrickle.health_check()",
                        instead_of_the_manager(relid));
    case Obstacle::read_only:
        return "Read it before SET TRANSACTION READ ONLY, and not in a function that is PARALLEL SAFE or RESTRICTED.";
    case Obstacle::fixed_snapshot:
        if (IsolationIsSerializable())
            return "To refresh it, run LOCK TABLE name IN ACCESS SHARE MODE as the first statement of the transaction.";
        if (IsolationUsesXactSnapshot())
            return "To refresh it, read it, or run LOCK TABLE name IN ACCESS SHARE MODE, as the first statement of the "
                   "transaction.";
        return "Try again: it is refreshed before the next statement that calls the function. A VOLATILE function "
               "refreshes what it reads.";
    case Obstacle::standby:
        return "Try again after the primary server has refreshed it, read it there, or increase "
               "pg_trickle.max_staleness.";
    case Obstacle::own_changes:
        return "Commit first. Within a transaction, a role can refresh stream tables that it owns.";
    case Obstacle::code_of_owner: return "Set pg_trickle.max_staleness to 0, or read it after SET ROLE to its owner.";
    case Obstacle::open_statement:
        return "Read it in a deferred constraint trigger, or in an AFTER statement trigger whose name sorts after "
               "\"pg_trickle_update\".";
    default:
        return definition::may_store(relid) ? "Call pgtrickle.refresh_stream_table(), or try again." : "Try again.";
    }
}

} // namespace

void require_populated(Oid relid, const Freshness &freshness)
{
    if (freshness.is_populated)
        return;
    const bool has_own_hint = freshness.obstacle == Obstacle::suspended || freshness.obstacle == Obstacle::held ||
                              freshness.obstacle == Obstacle::failed || freshness.obstacle == Obstacle::no_manager;
    const char *detail = explain(relid, freshness.obstacle);
    const char *hint = advise(relid, has_own_hint ? freshness.obstacle : Obstacle::none);
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("stream table \"%s\" has not been populated", get_rel_name(relid)),
                    detail != nullptr ? errdetail("%s", detail) : 0, errhint("%s", hint)));
}

namespace {

/* Limits warnings to one for each stream table and statement of the client, independent of the number of statements
 * that its functions run; and to one for each stream table and transaction if its snapshot is the reason, because the
 * snapshot stays the same. A statement warns of the first `most_warned` ones; a transaction that reads more repeats
 * warnings. */
constexpr int most_warned = 32;

struct Warned {
    Oid relids[most_warned];
    int count;

    bool is_full() const { return count == most_warned; }
    /* Returns false if the warning has been noted before. */
    bool note(Oid relid)
    {
        if (std::find(relids, relids + count, relid) != relids + count)
            return false;
        if (!is_full())
            relids[count++] = relid;
        return true;
    }
};

bool is_first_warning(Oid relid, Obstacle obstacle)
{
    static TimestampTz warned_at = 0;
    static LocalTransactionId warned_in = InvalidLocalTransactionId;
    static Warned in_statement, in_transaction;
    const bool is_same_transaction = warned_in == own_local_xid(); /* one statement may run several */
    if (!is_same_transaction || warned_at != GetCurrentStatementStartTimestamp())
        in_statement.count = 0;
    if (!is_same_transaction)
        in_transaction.count = 0;
    warned_at = GetCurrentStatementStartTimestamp();
    warned_in = own_local_xid();
    if (in_statement.is_full() || !in_statement.note(relid))
        return false;
    return obstacle != Obstacle::fixed_snapshot || !IsolationUsesXactSnapshot() || in_transaction.note(relid);
}

} // namespace

void apply_on_stale(Oid relid, Obstacle obstacle)
{
    if (note_unrefreshed(relid, obstacle))
        return;
    bool is_error = guc::on_stale == static_cast<int>(guc::OnStale::error);
    if (!is_error && !is_first_warning(relid, obstacle))
        return;
    const char *detail = explain(relid, obstacle);
    if (detail == nullptr)
        detail = "Its sources have changed again since it was refreshed.";
    const char *hint = advise(relid, obstacle);
    ereport(is_error ? ERROR : WARNING,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("stream table \"%s\" exceeds its maximum staleness", get_rel_name(relid)), errdetail("%s", detail),
             errhint("%s", hint)));
}

void warn_of_late_upstream(Oid relid)
{
    const char *detail = explain(relid, Obstacle::held);
    if (detail == nullptr)
        return;
    const char *hint = advise(relid, Obstacle::held);
    ereport(WARNING, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("stream table \"%s\" still lacks changes of its sources", get_rel_name(relid)),
                      errdetail("%s", detail), errhint("%s", hint)));
}

void warn_of_failed_member(Oid relid)
{
    ereport(WARNING,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("stream table \"%s\" was not refreshed with the others of its refresh group", get_rel_name(relid)),
             errdetail("Its refresh failed."), errhint("%s", advise(relid, Obstacle::failed))));
}

void warn_of_no_refresh(Oid relid, Obstacle obstacle)
{
    const char *detail = explain(relid, obstacle);
    const char *hint = advise(relid, obstacle);
    ereport(WARNING, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("stream table \"%s\" was not refreshed in time", get_rel_name(relid)),
                      detail != nullptr ? errdetail("%s", detail) : 0, errhint("%s", hint)));
}

} // namespace pgtrickle
