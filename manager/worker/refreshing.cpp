/*
 * Refreshing a group: one transaction for all; if a member fails, the same again without it
 * and without those that read it. If the failing member cannot be told, or it
 * comes back as a sibling of another, each member is tried alone, upstreams first: who reads a failed
 * one is behind, and no error is counted against it.
 */
#include "catalog/process.hpp"
#include "definition/guc.hpp"
#include "refresh/refresh.hpp"
#include "worker/manager.hpp"

extern "C" {
#include "pgstat.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/timeout.h"
}

#include <algorithm>

namespace pgtrickle::worker {

namespace {

using scheduler::Id;
using scheduler::Ids;

const char *name_of(Initiator initiator)
{
    return initiator == Initiator::reader ? "SCAN" : "SCHEDULER";
}

catalog::Refresh history_of(const refresh::Outcome &outcome, Initiator initiator)
{
    catalog::Refresh row;
    row.relid = outcome.relid;
    row.data_timestamp = outcome.data_timestamp;
    row.started_at = outcome.started_at;
    row.ended_at = outcome.ended_at;
    row.action = refresh::name_of(outcome.action);
    row.status = "COMPLETED";
    row.initiated_by = name_of(initiator);
    row.rows_inserted = outcome.rows_inserted;
    row.rows_deleted = outcome.rows_deleted;
    row.delta_rows = outcome.delta_rows;
    row.was_full_fallback = outcome.was_full_fallback;
    return row;
}

void report_running(const Ids &members)
{
    std::string text = "refresh of " + std::to_string(members.size()) + " stream tables";
    call([&] { pgstat_report_activity(STATE_RUNNING, text.c_str()); });
}

/* A lock that is held for long must not stop the other stream tables. It is waited for
 * longer than a reader who is part of a deadlock needs to find out. */
void limit_waiting()
{
    std::string limit = std::to_string(2 * DeadlockTimeout) + "ms";
    call([&] {
        (void)set_config_option("lock_timeout", limit.c_str(), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                                false);
    });
}

bool contains(const Ids &ids, Id id)
{
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

} // namespace

std::optional<Failure> Manager::attempt(const Ids &members, Initiator initiator, bool *is_locked)
{
    std::vector<refresh::Outcome> outcomes;
    int timeout_ms = 0;
    Ids dirty;
    for (Id member : members) {
        if (!mailbox::is_clean(member) || known_[member].is_restless)
            dirty.push_back(member);
        int own = known_[member].refresh_timeout_ms;
        if (own > 0 && (timeout_ms == 0 || own < timeout_ms))
            timeout_ms = own;
    }
    report_running(members);
    std::optional<Failure> failure = in_transaction([&] {
        limit_waiting();
        if (timeout_ms > 0)
            call([=] { enable_timeout_after(STATEMENT_TIMEOUT, timeout_ms); });
        outcomes = refresh::refresh_group(std::vector<Oid>(members.begin(), members.end()),
                                          refresh::LockWait::skip_if_locked);
        if (timeout_ms > 0)
            call([] { disable_timeout(STATEMENT_TIMEOUT, false); });
    });
    call([] { pgstat_report_activity(STATE_IDLE, nullptr); });
    *is_locked = !failure && outcomes.empty();
    if (failure || outcomes.empty())
        return failure;
    std::vector<catalog::Refresh> history;
    for (const refresh::Outcome &outcome : outcomes) {
        note_success(outcome.relid, outcome.started_at);
        /* The history tells what was due; companions that had nothing to take in are no news. */
        bool is_news = outcome.action != refresh::Action::no_data || contains(dirty, outcome.relid);
        if (is_news)
            history.push_back(history_of(outcome, initiator));
        has_refreshed_ = has_refreshed_ || outcome.action != refresh::Action::no_data;
    }
    catalog::append_history(history);
    return failure;
}

void Manager::note_success(Id relid, TimestampTz started_at)
{
    scheduler::Task *task = queue_.find(relid);
    if (task == nullptr)
        return;
    bool has_failed = task->failures > 0;
    task->failures = 0;
    task->not_before = 0;
    task->refreshed_at = started_at;
    if (!task->is_suspended)
        queue_.make_idle(*task);
    if (has_failed)
        catalog::run([&](catalog::Database &catalog) {
            catalog::write_back_off(catalog, MyDatabaseId, {relid, 0, 0, 0});
        });
}

/* Members are in order, upstreams first. */
void Manager::refresh_group(Ids members, Initiator initiator, std::map<Id, Verdict> *verdicts)
{
    bool is_locked = false;
    TimestampTz started_at = GetCurrentTimestamp();
    std::optional<Failure> failure = attempt(members, initiator, &is_locked);
    if (!failure) {
        for (Id member : members)
            (*verdicts)[member] = is_locked ? Verdict::locked : Verdict::refreshed;
        return;
    }
    if (members.size() == 1) {
        (*verdicts)[members[0]] = failure->is_transient() ? Verdict::locked : Verdict::failed;
        note_failure(members[0], *failure, initiator, started_at);
        return;
    }
    Ids unreachable;
    for (Id member : members) {
        bool is_behind = contains(unreachable, member);
        if (!is_behind) {
            refresh_group({member}, initiator, verdicts);
            is_behind = (*verdicts)[member] != Verdict::refreshed;
        } else {
            (*verdicts)[member] = Verdict::behind;
        }
        if (is_behind) {
            for (Id downstream : graph_.downstreams(member))
                unreachable.push_back(downstream);
        }
    }
}

std::map<Id, Verdict> Manager::refresh(const Ids &due, Initiator initiator)
{
    std::map<Id, Verdict> verdicts;
    for (Ids &group : graph_.groups(due))
        refresh_group(std::move(group), initiator, &verdicts);
    return verdicts;
}

} // namespace pgtrickle::worker
