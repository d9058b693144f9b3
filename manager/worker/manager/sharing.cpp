/*
 * The share of the workers that an owner has, and what a job of one owner does about the stream tables of
 * others.
 *
 * A job refreshes stream tables of one party only (scheduler/share), and keeps no other job from refreshing
 * what it reads of others: its refresh holds no lock on these that their refresh waits for. So an endless
 * query stops its own stream table and those of its owner above and below it, and no others.
 *
 * A stream table of another owner that comes along with one that is due is refreshed by a job of its own
 * before it. A reader's request waits for that job; what is due waits for a moment and then reads the other
 * one as it stands, as the other owner could stop it otherwise. A stream table that was never filled is
 * waited for without a limit: the refresh would fill it in its own transaction.
 */
#include "scheduler/graph/refresh_batch.hpp"
#include "worker/manager/manager.hpp"

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Below;
using scheduler::Id;
using scheduler::Ids;
using scheduler::RequestedBy;
using scheduler::Party;
using scheduler::Task;

namespace {

/* How long a due stream table waits for those of other owners. */
constexpr TimestampTz wait_for_others_us = 500'000;
constexpr TimestampTz wait_to_leave_us = 5'000'000;

} // namespace

Id Manager::owner_of(Id id) const
{
    auto known = known_.find(id);
    return known == known_.end() ? 0 : known->second.owner;
}

void Manager::count_owners()
{
    has_several_owners_ = std::any_of(known_.begin(), known_.end(), [&](const auto &known) {
        return known.second.owner != known_.begin()->second.owner;
    });
}

Ids Manager::owners_of(const Ids &members) const
{
    return scheduler::owners_of(members, [&](Id id) { return owner_of(id); });
}

/* A stream table that is bound to one in a refresh group of several owners goes with that group. */
Party Manager::party_of(Id id) const
{
    auto of_one = [&](Id one) {
        auto group_members = group_members_.find(one);
        return scheduler::party_of(one, group_members == group_members_.end() ? nullptr : &group_members->second,
                                   [&](Id other) { return owner_of(other); });
    };
    if (!has_several_owners_)
        return {};
    if (group_members_.empty())
        return {owner_of(id), 0};
    for (Id bound : effective_schedules_.atomic_sets().of(id))
        if (Party party = of_one(bound); party.group != 0)
            return party;
    return of_one(id);
}

bool Manager::waits_for_share(Id id) const
{
    return pool_.is_share_exhausted(owner_of(id)) && party_of(id).group == 0;
}

/* The members, and the upstreams of the same owners. */
Ids Manager::occupied_by(const Ids &members, const Ids &involved) const
{
    const Ids owners = owners_of(members);
    Ids occupied(involved.begin(), involved.begin() + static_cast<long>(members.size()));
    for (size_t i = members.size(); i < involved.size(); i++)
        if (std::binary_search(owners.begin(), owners.end(), owner_of(involved[i])))
            occupied.push_back(involved[i]);
    return occupied;
}

/* A manager that is asked for its place leaves when its jobs are done. An endless one keeps it, and the other
 * stream tables are refreshed meanwhile. */
bool Manager::is_held_up(TimestampTz now) const
{
    return std::any_of(running_.begin(), running_.end(), [=](const RunningJob &job) {
        return now >= job.began_at + wait_to_leave_us || now < job.began_at;
    });
}

TimestampTz Manager::held_up_at() const
{
    TimestampTz first = DT_NOEND;
    for (const RunningJob &job : running_)
        first = std::min(first, job.began_at + wait_to_leave_us);
    return first;
}

/* Where several were refreshed together, it is not known which of them took too long: the next job refreshes
 * each alone. */
void Manager::note_overrun(const RunningJob &job, const Pool::Overrun &overrun)
{
    for (Id id : job.members) {
        auto known = known_.find(id);
        if (known == known_.end())
            continue;
        known->second.has_overrun = overrun.count == 1 && id == overrun.first;
        known->second.goes_alone = overrun.count > 1;
    }
}

/* The batch of `start`, without what would wait for a stream table of another owner that waits for the rest of the batch. */
Ids Manager::without_others_between(Id start, Ids batch) const
{
    if (!has_several_owners_)
        return batch;
    const Party party = party_of(start);
    auto is_of_others = [&](Id id) { return known_.count(id) != 0 && party_of(id) != party; };
    auto is_bound = [&](Id id) { return group_members_.count(id) != 0 || !effective_schedules_.atomic_sets().of(id).empty(); };
    return scheduler::without_foreign_between(graph_, start, batch, is_of_others, is_bound);
}

/* The stream tables of other owners that come along with the members and lack changes that these are wanted
 * for. */
Ids Manager::needed_before(const Ids &members, const Wanted &wanted)
{
    if (!has_several_owners_)
        return {};
    const Ids owners = owners_of(members);
    const TimestampTz now = GetCurrentTimestamp(), since = std::min(wanted.since, now);
    const bool is_for_reader = wanted.requested_by == RequestedBy::reader;
    const bool is_waiting = is_for_reader || now < since + wait_for_others_us;
    Ids needed = scheduler::needed_before(graph_, members, [&](Id id) {
        const Task *task = queue_.find(id);
        if (task == nullptr || task->is_suspended)
            return Below::as_it_stands;
        const mailbox::Look look = mailbox::look(id);
        const bool is_own = std::binary_search(owners.begin(), owners.end(), owner_of(id));
        if (!is_own && look.is_known && !look.state.is_populated)
            return Below::first;
        if (!is_waiting || (!is_for_reader && effective_schedules_.of(id).has_own_schedule))
            return Below::as_it_stands;
        const TimestampTz pending = is_for_reader ? pending_since(id) : own_pending_since(id);
        const bool is_pending = pending != 0 && pending <= since;
        const bool is_moving = look.moving_since != 0 && look.moving_since <= since;
        return (is_pending || is_moving) && task->refreshed_at < since ? Below::first : Below::fresh;
    });
    if (!needed.empty() && !is_for_reader && is_waiting) {
        const TimestampTz until = since + wait_for_others_us;
        no_longer_wait_at_ = no_longer_wait_at_ == 0 ? until : std::min(no_longer_wait_at_, until);
    }
    return needed;
}

/* Begins what is needed; the members wait. One that has failed or was locked is tried again when it is due.
 * Returns false as dispatch_batch() does. */
bool Manager::dispatch_before(const Ids &needed, const Ids &members, const Wanted &wanted, std::set<Id> *seen)
{
    const TimestampTz now = GetCurrentTimestamp();
    auto is_put_off = [&](Id id) {
        const Task *task = queue_.find(id);
        return task->is_queued() && task->due_at > now && (task->failures > 0 || locked_.count(id) != 0);
    };
    const std::set<Id> all(needed.begin(), needed.end());
    Wanted before = wanted;
    before.is_wanted = [&](Task &task) { return all.count(task.id) != 0 || wanted.is_wanted(task); };
    if (wanted.requested_by == RequestedBy::reader)
        before.serves.insert(before.serves.end(), members.begin(), members.end());
    return std::all_of(needed.begin(), needed.end(), [&](Id id) {
        return busy_.count(id) != 0 || seen->count(id) != 0 || is_put_off(id) ||
               dispatch_batch(id, before, seen);
    });
}

} // namespace pgtrickle::worker
