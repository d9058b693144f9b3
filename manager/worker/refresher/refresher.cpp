#include "worker/refresher/refresher.hpp"

#include "catalog/process.hpp"
#include "definition/alert.hpp"
#include "definition/restoring.hpp"
#include "mailbox/manager_side.hpp"
#include "refresh/batch/holds.hpp"
#include "refresh/batch/new_keys.hpp"
#include "refresh/history.hpp"
#include "refresh/program/compiled.hpp"
#include "worker/refresher/attempt.hpp"
#include "worker/refresher/log_upkeep.hpp"

extern "C" {
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/guc.h"
}

#include <algorithm>

namespace pgtrickle::worker {

namespace {

using scheduler::Id;
using scheduler::Ids;
using scheduler::Involved;
using scheduler::MemberVerdict;
using scheduler::RequestedBy;

void add_to(Ids *ids, const Ids &more)
{
    ids->insert(ids->end(), more.begin(), more.end());
}

/* "refresh of a.b, c.d and 3 more", for pg_stat_activity. */
std::string description_of(const Ids &members, const std::map<Id, const Involved *> &involved)
{
    constexpr size_t most_named = 5;
    std::string text = "refresh of ";
    for (size_t i = 0; i < std::min(members.size(), most_named); i++) {
        const Involved &member = *involved.at(members[i]);
        text += (i == 0 ? "" : ", ") + member.schema_name + "." + member.name;
    }
    if (members.size() > most_named)
        text += " and " + std::to_string(members.size() - most_named) + " more";
    return text;
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

Refresher::Refresher(const scheduler::Job &job, Process process) : job_(job), process_(process)
{
    for (const Involved &item : job.involved) {
        graph_.set(item.id, item.sources);
        involved_[item.id] = &item;
    }
}

const Involved *Refresher::find(Id id) const
{
    auto found = involved_.find(id);
    return found == involved_.end() ? nullptr : found->second;
}

scheduler::MemberResult &Refresher::result_of(Id id)
{
    scheduler::MemberResult &result = results_[id];
    if (result.id == 0) {
        result.id = id;
        if (const Involved *item = find(id)) {
            result.failures = item->failures;
            result.retries = item->retries;
            result.is_program_written = item->is_program_written;
        }
    }
    return result;
}

/* Returns a stream table that a session still restores: it may get keys until it is free to be filled. A failure is one
 * of the refresh that follows, which reports it. */
Id Refresher::prepare_first_fills(const Ids &unfilled, const TimeLimit &limit)
{
    Id restored = InvalidOid;
    if (unfilled.empty())
        return restored;
    (void)in_transaction([&] {
        if (!call([] { return refresh::take_work_lock(); }))
            return;
        for (Id each : unfilled)
            if (call([=] { return definition::is_restored_elsewhere(each); })) {
                restored = each;
                return;
            }
        limit_waiting();
        limit.begin();
        refresh::use_new_keys({unfilled.begin(), unfilled.end()});
        limit.end();
    });
    return restored;
}

std::optional<TransactionFailure> Refresher::attempt(const Ids &members)
{
    std::vector<refresh::Outcome> outcomes;
    Programs programs;
    Ids dirty, unfilled;
    for (Id member : members) {
        const mailbox::MailboxStatus known = mailbox::status_of(member);
        if (!known.is_clean || involved_.at(member)->is_time_dependent)
            dirty.push_back(member);
        if (known.is_without_rows())
            unfilled.push_back(member);
    }
    const TimeLimit limit = time_limit(members);
    std::string text = description_of(members, involved_);
    call([&] { pgstat_report_activity(STATE_RUNNING, text.c_str()); });
    const Ids set = atomic_set_of(members.front());
    const bool is_one_set = std::ranges::all_of(members, [&](Id member) { return contains(set, member); });
    const Attempt attempt(members, is_one_set ? Blame::each : Blame::one);
    skipped_ = {};
    skipped_.locked = prepare_first_fills(unfilled, limit);
    if (OidIsValid(skipped_.locked))
        return std::nullopt;
    grants_ = mailbox::grants();
    std::optional<TransactionFailure> failure = in_transaction([&] {
        if (!call([] { return refresh::take_work_lock(); })) {
            skipped_.held.assign(members.begin(), members.end());
            return;
        }
        limit_waiting();
        limit.begin();
        outcomes = refresh::refresh_batch({.members = std::vector<Oid>(members.begin(), members.end()),
                                           .wait = refresh::LockWait::skip_if_locked,
                                           .requested_by = job_.requested_by,
                                           .reach = refresh::Reach::named,
                                           .atomic_sets = job_.atomic_sets,
                                           .groups = job_.groups},
                                          &skipped_);
        /* The heaps of another member, which lost its rows when they were built again, are to keep them. */
        if (OidIsValid(skipped_.locked))
            throw Abandoned();
        alert_of_reinitialized(outcomes);
        programs = unwritten_programs(outcomes);
        limit.end();
    });
    if (failure)
        limit.explain(*failure);
    is_outdated_ = is_outdated_ || skipped_.is_in_larger_set;
    if (failure || outcomes.empty())
        return failure;
    for (const refresh::Outcome &outcome : outcomes)
        if (outcome.may_have_rows_to_place)
            unplaced_.push_back(outcome.relid);
    note_successes(outcomes, dirty);
    write_programs(programs);
    return failure;
}

/* In the transaction of the refresh. */
void Refresher::alert_of_reinitialized(const std::vector<refresh::Outcome> &outcomes) const
{
    for (const refresh::Outcome &outcome : outcomes)
        if (const Involved *item = find(outcome.relid);
            item != nullptr && outcome.action == refresh::Action::reinitialize)
            (void)definition::send_alert(definition::alert_of("reinitialize_needed", item->schema_name, item->name)
                                             .ending_with("reason", outcome.reason));
}

void Refresher::note_successes(const std::vector<refresh::Outcome> &outcomes, const Ids &dirty)
{
    std::vector<catalog::Refresh> history;
    for (const refresh::Outcome &outcome : outcomes) {
        scheduler::MemberResult &result = result_of(outcome.relid);
        bool has_failed = result.failures > 0;
        result.verdict = MemberVerdict::refreshed;
        result.failures = result.retries = 0;
        result.started_at = outcome.started_at;
        result.has_changed = outcome.action != refresh::Action::no_data;
        if (has_failed)
            catalog::run([&](catalog::Database &catalog) {
                catalog::write_back_off(catalog, MyDatabaseId, {outcome.relid, 0, 0, 0});
            });
        /* The history shows what was due; optional members that had nothing to apply are not recorded. */
        if (result.has_changed || contains(dirty, outcome.relid))
            history.push_back(history_row(outcome, initiated_by()));
    }
    catalog::append_history(history);
}

/* The programs of members that are refreshed for the first time since their definitions changed. Must be
 * called in the transaction of the refresh, whose locks protect the compiled programs. */
Programs Refresher::unwritten_programs(const std::vector<refresh::Outcome> &outcomes) const
{
    Programs programs;
    for (const refresh::Outcome &outcome : outcomes) {
        const Involved *item = find(outcome.relid);
        if (item == nullptr || item->is_program_written || !refresh::has_current_layout(outcome.relid))
            continue;
        for (const refresh::ProgramText &text : refresh::texts_of(refresh::compiled_of(outcome.relid)))
            programs[outcome.relid].push_back({text.purpose, text.sql});
    }
    return programs;
}

void Refresher::write_programs(const Programs &programs)
{
    if (programs.empty())
        return;
    bool is_written = catalog::run([&](catalog::Database &catalog) {
        for (const auto &[relid, statements] : programs)
            catalog::write_program(catalog, MyDatabaseId, relid, find(relid)->generation, statements);
    });
    if (!is_written)
        return; /* retried after the next refresh */
    for (const auto &[relid, statements] : programs)
        result_of(relid).is_program_written = true;
}

/* The atomic set of `id` as far as the job involves it; `id` itself if it is in none. */
Ids Refresher::atomic_set_of(Id id) const
{
    const Ids &set = job_.atomic_sets.of(id);
    return set.empty() ? Ids{id} : set;
}

/* Members of the refresh group of `id`, which show one state with it unless one of them fails or is held. */
Ids Refresher::group_members_of(Id id) const
{
    Ids group_members;
    for (const Ids &group : job_.groups)
        if (contains(group, id))
            for (Id member : group)
                if (const Involved *other = find(member); other != nullptr && other->role != Involved::Role::upstream)
                    group_members.push_back(member);
    return group_members;
}

/* Removes a member that failed or is locked from `members`, together with its atomic set and the dependents
 * of any of these. */
void Refresher::exclude(Id failed, Ids &members)
{
    Ids out = {failed};
    std::set<Id> known = {failed};
    const bool is_locked = result_of(failed).verdict == MemberVerdict::locked;
    for (size_t i = 0; i < out.size(); i++) {
        Ids next = graph_.direct_downstreams(out[i]);
        add_to(&next, atomic_set_of(out[i]));
        if (is_locked) /* a lock passes: a group waits for a locked member, but not for lasting obstacles */
            add_to(&next, group_members_of(out[i]));
        for (Id id : next)
            if (known.insert(id).second)
                out.push_back(id);
    }
    for (Id member : members)
        if (member != failed && known.count(member) != 0)
            set_verdict(member, is_locked ? MemberVerdict::locked : MemberVerdict::behind);
    std::erase_if(members, [&](Id member) { return known.count(member) != 0; });
}

/* Refreshes each member with its atomic set only, upstreams first: the failing one depends on others in a way
 * that only a refresh determines. */
void Refresher::refresh_separately(Ids members)
{
    const size_t tried_together = members.size();
    attempts_ = std::max(attempts_, tried_together);
    while (!members.empty()) {
        Id first = members.front();
        Ids set = atomic_set_of(first), together;
        for (Id member : members)
            if (contains(set, member))
                together.push_back(member);
        if (together.size() == tried_together) {
            for (Id member : members)
                set_verdict(member, MemberVerdict::behind);
            return;
        }
        refresh_together(together);
        if (result_of(first).verdict == MemberVerdict::refreshed)
            std::erase_if(members, [&](Id member) { return contains(together, member); });
        else
            exclude(first, members);
    }
}

/* Members are in order, upstreams first. */
void Refresher::refresh_together(Ids members)
{
    while (!members.empty()) {
        if (mailbox::is_asked_to_exit()) {
            for (Id member : members)
                set_verdict(member, MemberVerdict::locked);
            return;
        }
        TimestampTz started_at = GetCurrentTimestamp();
        std::optional<TransactionFailure> failure = attempt(members);
        const Oid locked = skipped_.locked;
        if (!failure && locked == InvalidOid) {
            for (Id member : members)
                set_verdict(member, contains(skipped_.held, member) ? MemberVerdict::held : MemberVerdict::refreshed);
            return;
        }
        if (!failure) {
            /* Another session refreshes it, perhaps in a long transaction, or it is in a larger atomic set:
             * continue with the other members. */
            size_t before = members.size();
            set_verdict(locked, MemberVerdict::locked);
            exclude(locked, members);
            if (members.size() < before)
                continue;
            for (Id member : members)
                set_verdict(member, MemberVerdict::locked);
            return;
        }
        /* The members exceeded the time limit together: refreshing each one alone shows which of them takes
         * too long. */
        if (failure->has_timed_out && members.size() > 1) {
            refresh_separately(std::move(members));
            return;
        }
        Id culprit = failure->culprit;
        if (culprit == InvalidOid && members.size() == 1)
            culprit = members.front();
        bool is_news = culprit != InvalidOid && !has_verdict(culprit);
        if (is_news) {
            set_verdict(culprit, failure->is_transient() ? MemberVerdict::locked : MemberVerdict::failed);
            if (const Involved *item = find(culprit))
                note_failure(*item, *failure, started_at);
        }
        if (contains(members, culprit)) {
            exclude(culprit, members);
        } else if (members.size() == 1) {
            set_verdict(members.front(), MemberVerdict::behind);
            return;
        } else {
            refresh_separately(std::move(members));
            return;
        }
    }
}

/* Everything that must not change or must be refreshed for a refresh of `id`, itself included. Upstreams that
 * are read as they stand require no others. */
std::set<Id> Refresher::needed_by(Id id) const
{
    std::set<Id> needed = {id};
    Ids open = {id};
    while (!open.empty()) {
        const Id next = open.back();
        open.pop_back();
        const Involved *item = find(next);
        Ids more = item != nullptr && item->role != Involved::Role::upstream ? atomic_set_of(next) : Ids{};
        add_to(&more, group_members_of(next));
        for (Id source : graph_.sources(next))
            if (graph_.contains(source))
                more.push_back(source);
        for (Id other : more)
            if (needed.insert(other).second)
                open.push_back(other);
    }
    return needed;
}

/* Excludes a requested member, and everything that would be refreshed only because of it. */
void Refresher::exclude_busy(Id id, const std::set<Id> &coming)
{
    for (Id needed : needed_by(id)) {
        const Involved *item = find(needed);
        if (item != nullptr && item->role != Involved::Role::upstream && coming.count(needed) == 0)
            set_verdict(needed, MemberVerdict::locked);
    }
}

/* An optional member is refreshed only if nothing that it needs is locked: a reader that waits for this job
 * may hold that very lock without having requested that member. With no_lock_wait this applies to all
 * members. Locks are acquired and released at once: if another session takes such a lock a moment later, this
 * refresh waits for it, no longer than lock_timeout. */
Ids Refresher::without_busy()
{
    std::set<Id> coming, free;
    Ids tried;
    auto take = [&](Id id) {
        std::set<Id> needed = needed_by(id);
        coming.insert(needed.begin(), needed.end());
    };
    for (const Involved &item : job_.involved) {
        const bool is_requested = item.role == Involved::Role::requested;
        if (is_requested && !job_.no_lock_wait)
            take(item.id);
        else if (is_requested || item.role == Involved::Role::optional)
            tried.push_back(item.id);
    }
    if (!tried.empty()) {
        std::optional<TransactionFailure> failure = in_transaction([&] {
            for (Id id : tried) {
                bool is_free = true;
                for (Id needed : needed_by(id)) {
                    is_free = is_free && is_lockable(needed, RowExclusiveLock);
                    for (Id source : graph_.sources(needed))
                        is_free = is_free && is_lockable(source, AccessShareLock);
                }
                if (is_free) {
                    free.insert(id);
                    take(id);
                }
            }
        });
        if (failure)
            free.clear();
    }
    for (Id id : tried)
        if (find(id)->role == Involved::Role::requested && free.count(id) == 0)
            exclude_busy(id, coming);
    Ids members;
    for (const Involved &item : job_.involved) {
        const std::set<Id> &those = item.role == Involved::Role::optional ? free : coming;
        if (item.role != Involved::Role::upstream && those.count(item.id) != 0)
            members.push_back(item.id);
    }
    return members;
}

scheduler::JobResult Refresher::run()
{
    scheduler::JobResult result;
    TimestampTz started_at = GetCurrentTimestamp();
    for (Id id : job_.taken)
        refresh::forget(id);
    if (job_.kind == scheduler::Job::Kind::upkeep)
        LogUpkeep(job_, result).run();
    else
        refresh_all(without_busy());
    call([] { pgstat_report_activity(STATE_IDLE, nullptr); });
    for (auto &[id, member] : results_)
        result.members.push_back(member);
    result.took_us = GetCurrentTimestamp() - started_at;
    result.is_catalog_new = catalog::take_is_new();
    result.is_outdated = is_outdated_;
    return result;
}

} // namespace pgtrickle::worker
