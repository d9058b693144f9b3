#include "worker/manager/batch_planner.hpp"

#include "mailbox/mailbox.hpp"
#include "scheduler/graph/refresh_batch.hpp"

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Below;
using scheduler::Candidate;
using scheduler::Id;
using scheduler::Ids;
using scheduler::RequestedBy;
using scheduler::Task;

namespace {

/* How long a due stream table waits for those of other owners. */
constexpr TimestampTz wait_for_others_us = 500'000;

/* Whether a privilege that its last refresh lacked may have been granted since (mailbox::note_grant()). */
bool may_succeed_now(Id id)
{
    const mailbox::MailboxStatus known = mailbox::status_of(id);
    return known.is_known && !known.state.is_failing;
}

} // namespace

PlannedBatch BatchPlanner::plan(Id id, const Wanted &wanted, std::set<Id> *seen)
{
    const RequestedBy requested_by = wanted.requested_by;
    const Id owner = definitions_.owner_of(id);
    PlannedBatch batch;
    batch.owner = owner;
    std::map<Id, bool> known;
    auto is_wanted_itself = [&](Id other) {
        auto [place, is_new] = known.emplace(other, false);
        Task *task = is_new ? tasks_.find(other) : nullptr;
        if (task != nullptr)
            place->second = !task->is_running && wanted.is_wanted(*task);
        return place->second;
    };
    auto is_wanted = [&](const Task &task) {
        const Ids &set = definitions_.atomic_sets().of(task.id);
        return is_wanted_itself(task.id) ||
               (!task.is_running && !task.is_suspended && std::any_of(set.begin(), set.end(), is_wanted_itself));
    };
    auto is_free = [&](const Task &task) {
        return !task.is_suspended && !task.is_running && trouble_of(task.id, requested_by).until == 0;
    };
    Ids members = scheduler::batch_of(definitions_.graph(), id, [&](Id other) {
        Task *task = tasks_.find(other);
        if (task == nullptr || definitions_.owner_of(other) != owner)
            return Candidate{};
        Candidate found = {is_wanted(*task), is_free(*task), &task->schedules, definitions_.refresh_group_of(other)};
        if (found.is_wanted)
            batch.requested.insert(other);
        return found;
    });
    members = without_others_between(id, std::move(members));
    std::erase_if(batch.requested,
                  [&](Id other) { return std::find(members.begin(), members.end(), other) == members.end(); });
    seen->insert(members.begin(), members.end());
    for (Id member : members)
        if (definitions_.refresh_group_of(member) != nullptr)
            batch.requested.insert(member);
    batch.members = with_required(members, requested_by, owner, wanted.for_released);
    /* A stream table that a member requires may be in another refresh group, whose members require more. */
    for (size_t before = 0; before != batch.members.size();) {
        before = batch.members.size();
        const Ids missing = missing_of_groups(batch.members, owner, is_free);
        if (missing.empty())
            break;
        batch.requested.insert(missing.begin(), missing.end());
        batch.members.insert(batch.members.end(), missing.begin(), missing.end());
        batch.members = with_required(batch.members, requested_by, owner, wanted.for_released);
    }
    batch.optional.insert(members.begin(), members.end());
    for (Id other :
         with_required(Ids(batch.requested.begin(), batch.requested.end()), requested_by, owner, wanted.for_released))
        batch.optional.erase(other);
    batch.for_released = tasks_.needed_by_released(batch.members);
    batch.for_released.insert(wanted.for_released.begin(), wanted.for_released.end());
    return batch;
}

/* The stream tables of the owner that are in a refresh group with a member, free, and no member yet. */
Ids BatchPlanner::missing_of_groups(const Ids &members, Id owner, const std::function<bool(const Task &)> &is_free)
{
    const std::set<Id> known(members.begin(), members.end());
    std::set<Id> missing;
    for (Id member : members) {
        const Ids *group = definitions_.refresh_group_of(member);
        for (Id other : group != nullptr ? *group : Ids()) {
            const Task *task = known.count(other) == 0 ? tasks_.find(other) : nullptr;
            if (task != nullptr && is_free(*task) && definitions_.owner_of(other) == owner)
                missing.insert(other);
        }
    }
    return {missing.begin(), missing.end()};
}

/* The batch without members that would wait for a stream table of another owner which waits for another
 * member. */
Ids BatchPlanner::without_others_between(Id start, Ids batch) const
{
    if (!definitions_.has_several_owners())
        return batch;
    const Id owner = definitions_.owner_of(start);
    auto is_refreshable_by_others_only = [&](Id id) {
        return definitions_.find(id) != nullptr && definitions_.owner_of(id) != owner;
    };
    auto is_in_set = [&](Id id) {
        return definitions_.refresh_group_of(id) != nullptr || definitions_.atomic_sets().first_of(id) != 0;
    };
    return scheduler::without_foreign_between(definitions_.graph(), start, batch, is_refreshable_by_others_only,
                                              is_in_set);
}

/* The members and the stream tables that must be refreshed because of them: upstreams, except those that are
 * suspended, and those with rows and schedules of their own unless a reader has requested the refresh or a released
 * stream table needs them; and the atomic sets of all of these, suspended or not. With `owner`, only upstreams of that
 * owner. */
Ids BatchPlanner::with_required(const Ids &members, RequestedBy requested_by, Id owner, std::set<Id> for_released)
{
    for_released.merge(tasks_.needed_by_released(members));
    Ids found = scheduler::with_required(definitions_.graph(), definitions_.atomic_sets(), members, [&](Id id) {
        if (owner != 0 && definitions_.owner_of(id) != owner)
            return false;
        const Task *task = tasks_.find(id);
        const bool is_in_use = task != nullptr && (!task->is_suspended || definitions_.atomic_sets().first_of(id) != 0);
        return is_in_use &&
               (requested_by == RequestedBy::reader || !definitions_.effective_schedule(id).has_own_schedule ||
                for_released.count(id) != 0 || mailbox::status_of(id).is_without_rows());
    });
    /* Those that were found may be released, and need more. */
    const bool is_complete = found.size() == members.size() || !tasks_.has_released();
    return is_complete ? found : with_required(found, requested_by, owner, std::move(for_released));
}

/* A stream table that is refreshed together with one that has failed waits for it, to be refreshed with it or
 * after it; an atomic set is refreshed as a whole or not at all. */
Trouble BatchPlanner::trouble_of(Id id, RequestedBy requested_by)
{
    Trouble trouble;
    if (!tasks_.has_trouble())
        return trouble;
    for (Id other : with_required({id}, requested_by)) {
        const Task *task = tasks_.find(other);
        if (task == nullptr || (!task->is_suspended && task->failures == 0))
            continue;
        if (task->is_suspended)
            return {other, true, DT_NOEND};
        if (task->not_before > trouble.until && !may_succeed_now(other))
            trouble = {other, false, task->not_before};
    }
    return trouble;
}

TimestampTz BatchPlanner::wait_until(const Wanted &wanted, TimestampTz now)
{
    return std::min(wanted.since, now) + wait_for_others_us;
}

/* Whether the stream table, of another owner, would itself wait for a member that lacks changes. It lies between
 * members of an atomic set then, and waiting for each other would not end: the set is refreshed, then that one, then
 * the set again. */
bool BatchPlanner::waits_for_member(Id id, const Ids &members)
{
    const Ids upstreams = definitions_.graph().upstreams(id);
    return std::any_of(members.begin(), members.end(), [&](Id member) {
        return std::find(upstreams.begin(), upstreams.end(), member) != upstreams.end() &&
               tasks_.pending_since(member) != 0;
    });
}

/* Upstreams that must be refreshed with the members and lack changes that the members are wanted for. */
Ids BatchPlanner::needed_before(const PlannedBatch &batch, const Wanted &wanted, bool *is_waiting)
{
    *is_waiting = false;
    if (!definitions_.has_several_owners())
        return {};
    const Ids &members = batch.members;
    const TimestampTz now = GetCurrentTimestamp(), since = std::min(wanted.since, now);
    const bool is_for_reader = wanted.requested_by == RequestedBy::reader;
    const bool may_wait = is_for_reader || now < wait_until(wanted, now);
    Ids needed = scheduler::needed_before(definitions_.graph(), members, [&](Id id) {
        const Task *task = tasks_.find(id);
        if (task == nullptr || task->is_suspended)
            return Below::as_it_stands;
        const mailbox::MailboxStatus known = mailbox::status_of(id);
        const bool is_own = definitions_.owner_of(id) == batch.owner;
        if (!is_own && known.is_without_rows())
            return Below::first;
        const bool is_for_released = batch.for_released.count(id) != 0, has_to_come = is_for_reader || is_for_released;
        /* The rows of a released one are those of the advance, however long an upstream takes. */
        if ((!may_wait && !is_for_released) || waits_for_member(id, members) ||
            (!has_to_come && definitions_.effective_schedule(id).has_own_schedule))
            return Below::as_it_stands;
        const TimestampTz pending = has_to_come ? tasks_.pending_since(id) : tasks_.own_pending_since(id);
        /* For a released one, also what a job that it needs has just applied to an upstream. */
        const bool is_pending = pending != 0 && (pending <= since || is_for_released);
        const bool is_moving = known.time_dependent_since != 0 && known.time_dependent_since <= since;
        return (is_pending || is_moving) && task->refreshed_at < since ? Below::first : Below::fresh;
    });
    *is_waiting = !needed.empty() && !is_for_reader && may_wait;
    return needed;
}

Ids BatchPlanner::occupied_by(const PlannedBatch &batch, const Ids &involved) const
{
    const size_t count = batch.members.size();
    Ids occupied(involved.begin(), involved.begin() + static_cast<long>(count));
    for (size_t i = count; i < involved.size(); i++)
        if (definitions_.owner_of(involved[i]) == batch.owner)
            occupied.push_back(involved[i]);
    return occupied;
}

std::vector<Ids> BatchPlanner::refresh_groups_of(const Ids &members)
{
    std::vector<Ids> groups;
    std::set<Id> seen;
    for (Id member : members) {
        const Ids *whole = definitions_.refresh_group_of(member);
        if (whole == nullptr || !seen.insert(whole->front()).second)
            continue;
        Ids &group = groups.emplace_back();
        for (Id other : *whole)
            if (const Task *task = tasks_.find(other); task != nullptr && !task->is_running)
                group.push_back(other);
    }
    return groups;
}

} // namespace pgtrickle::worker
