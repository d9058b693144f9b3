/*
 * Refreshing a group: one transaction for all; if a member fails, the same again without it
 * and without those that read it, so that the others still reach one frontier together. Who
 * reads a failed one, or is its atomic sibling, is behind, and no error is counted against it.
 */
#include "catalog/process.hpp"
#include "definition/guc.hpp"
#include "refresh/compiled.hpp"
#include "refresh/refresh.hpp"
#include "worker/manager.hpp"

extern "C" {
#include "pgstat.h"
#include "storage/lmgr.h"
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

/* A lock that is held for long must not stop the other stream tables; and where the manager is part of a
 * deadlock, it is the one to give way: it tries again, where a user's statement would fail. So it looks for
 * one as soon as it waits, and waits no longer than others do before they look. But a reader who waits
 * for it is to find the deadlock that he is part of. */
void limit_waiting(Initiator initiator)
{
    const bool is_for_reader = initiator == Initiator::reader;
    const std::string limit = std::to_string(is_for_reader ? 2 * DeadlockTimeout : std::max(DeadlockTimeout / 2, 1));
    call([&] {
        auto set = [](const char *name, const char *value) {
            (void)set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
        };
        set("lock_timeout", limit.c_str());
        if (!is_for_reader)
            set("deadlock_timeout", "10");
    });
}

bool is_lockable(Oid relation, LOCKMODE mode)
{
    return call([=] {
        if (!ConditionalLockRelationOid(relation, mode))
            return false;
        UnlockRelationOid(relation, mode);
        return true;
    });
}

bool contains(const Ids &ids, Id id)
{
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

} // namespace

std::optional<Failure> Manager::attempt(const Ids &members, Initiator initiator, Oid *locked)
{
    std::vector<refresh::Outcome> outcomes;
    Programs programs;
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
        limit_waiting(initiator);
        if (timeout_ms > 0)
            call([=] { enable_timeout_after(STATEMENT_TIMEOUT, timeout_ms); });
        outcomes = refresh::refresh_group(std::vector<Oid>(members.begin(), members.end()),
                                          refresh::LockWait::skip_if_locked, locked);
        programs = unwritten_programs(outcomes);
        if (timeout_ms > 0)
            call([] { disable_timeout(STATEMENT_TIMEOUT, false); });
    });
    call([] { pgstat_report_activity(STATE_IDLE, nullptr); });
    if (failure || outcomes.empty())
        return failure;
    std::vector<catalog::Refresh> history;
    for (const refresh::Outcome &outcome : outcomes) {
        note_success(outcome.relid, outcome.started_at);
        /* The history tells what was due; companions that had nothing to take in are no news. */
        bool is_news = outcome.action != refresh::Action::no_data || contains(dirty, outcome.relid);
        if (is_news)
            history.push_back(history_of(outcome, initiator));
        may_trim_ = may_trim_ || outcome.action != refresh::Action::no_data;
    }
    catalog::append_history(history);
    write_programs(programs);
    return failure;
}

/* The programs of those that are refreshed for the first time since their definitions changed. To be
 * called in the transaction of the refresh, whose locks keep what was compiled. */
Programs Manager::unwritten_programs(const std::vector<refresh::Outcome> &outcomes)
{
    Programs programs;
    for (const refresh::Outcome &outcome : outcomes) {
        auto known = known_.find(outcome.relid);
        if (known == known_.end() || known->second.is_program_written)
            continue;
        for (const refresh::ProgramText &text : refresh::texts_of(refresh::compiled_of(outcome.relid)))
            programs[outcome.relid].push_back({text.purpose, text.sql});
    }
    return programs;
}

void Manager::write_programs(const Programs &programs)
{
    if (programs.empty())
        return;
    catalog::run([&](catalog::Database &catalog) {
        for (const auto &[relid, statements] : programs)
            catalog::write_program(catalog, MyDatabaseId, relid, known_[relid].generation, statements);
    });
    for (const auto &[relid, statements] : programs)
        known_[relid].is_program_written = true;
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

/* Takes the one that failed or is locked, and those that read it, out of `members`. */
void Manager::leave_out(Id failed, Ids &members, std::map<Id, Verdict> *verdicts)
{
    Ids behind = graph_.downstreams(failed);
    bool is_locked = (*verdicts)[failed] == Verdict::locked;
    for (Id member : members)
        if (contains(behind, member))
            (*verdicts)[member] = is_locked ? Verdict::locked : Verdict::behind;
    std::erase_if(members, [&](Id member) { return member == failed || contains(behind, member); });
}

/* Each by itself, upstreams first: the failing one is tied to others in a way that only a refresh knows. */
void Manager::refresh_alone(Ids members, Initiator initiator, std::map<Id, Verdict> *verdicts)
{
    while (!members.empty()) {
        Id member = members.front();
        refresh_group({member}, initiator, verdicts);
        if ((*verdicts)[member] == Verdict::refreshed)
            members.erase(members.begin());
        else
            leave_out(member, members, verdicts);
    }
}

/* Members are in order, upstreams first. */
void Manager::refresh_group(Ids members, Initiator initiator, std::map<Id, Verdict> *verdicts)
{
    while (!members.empty()) {
        Oid locked = InvalidOid;
        TimestampTz started_at = GetCurrentTimestamp();
        std::optional<Failure> failure = attempt(members, initiator, &locked);
        if (!failure && locked == InvalidOid) {
            for (Id member : members)
                (*verdicts)[member] = Verdict::refreshed;
            return;
        }
        if (!failure) {
            /* Somebody else refreshes it, perhaps in a long transaction: the others go on. */
            size_t before = members.size();
            (*verdicts)[locked] = Verdict::locked;
            leave_out(locked, members, verdicts);
            if (members.size() < before)
                continue;
            for (Id member : members)
                (*verdicts)[member] = Verdict::locked;
            return;
        }
        Id culprit = failure->culprit;
        if (culprit == InvalidOid && members.size() == 1)
            culprit = members.front();
        bool is_news = culprit != InvalidOid && verdicts->count(culprit) == 0;
        if (is_news) {
            (*verdicts)[culprit] = failure->is_transient() ? Verdict::locked : Verdict::failed;
            note_failure(culprit, *failure, initiator, started_at);
        }
        if (contains(members, culprit)) {
            leave_out(culprit, members, verdicts);
        } else if (members.size() == 1) {
            (*verdicts)[members.front()] = Verdict::behind;
            return;
        } else {
            refresh_alone(std::move(members), initiator, verdicts);
            return;
        }
    }
}

/* A companion comes along only if nothing it needs has to be waited for: a reader may hold
 * the very lock, and has nothing to do with it. Locks are tried and let go: whoever takes one a
 * moment later makes this refresh wait, no longer than lock_timeout. */
Ids Manager::without_busy_companions(const Ids &members, const Ids &wanted)
{
    Ids result;
    std::optional<Failure> failure = in_transaction([&] {
        for (Id member : members) {
            Ids involved = graph_.upstreams(member);
            involved.push_back(member);
            bool is_free = true;
            for (Id id : involved)
                is_free = is_free && is_lockable(id, RowExclusiveLock);
            for (Id id : involved)
                for (Id source : graph_.sources(id))
                    is_free = is_free && is_lockable(source, AccessShareLock);
            if (is_free || contains(wanted, member))
                result.push_back(member);
        }
    });
    return failure ? wanted : result;
}

std::map<Id, Verdict> Manager::refresh(const Ids &wanted, Initiator initiator)
{
    std::map<Id, Verdict> verdicts;
    Ids members = with_companions(wanted);
    if (members.size() > wanted.size())
        members = without_busy_companions(members, wanted);
    for (Ids &group : graph_.groups(members))
        refresh_group(std::move(group), initiator, &verdicts);
    return verdicts;
}

} // namespace pgtrickle::worker
