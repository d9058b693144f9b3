/*
 * Holds, as the manager keeps to them. A held stream table's task rests with the suspended ones; when what was said
 * changes, all are looked at again. The refresh itself looks once more, under its own snapshot.
 *
 * The history is told of a hold when a refresh would have been due. As in watch(), only those are looked at that
 * something has happened to, or whose time has come.
 *
 * Who reads one that rests stays dirty for as long as it does. So that it is not refreshed over and over, only
 * what it can take in counts: changes below what rests do not.
 */
#include "catalog/tables/history.hpp"
#include "definition/time_zone.hpp"
#include "refresh/group/holds.hpp"
#include "refresh/sets/refresh_groups.hpp"
#include "worker/manager/manager.hpp"
#include "worker/transaction.hpp"

#include <algorithm>
#include <utility>

namespace pgtrickle::worker {

using scheduler::Hold;
using scheduler::Id;
using scheduler::Ids;

/* In the transaction that reads definitions, or in one of its own. */
void Manager::read_holds()
{
    holds_ = refresh::read_holds();
    group_members_.clear();
    for (const auto &[name, members] : refresh::refresh_groups())
        for (Id member : members)
            group_members_[member] = members;
    are_holds_read_ = true;
}

void Manager::read_holds_if_due()
{
    if (are_holds_read_ || !is_loaded_)
        return;
    const scheduler::Holds before = holds_;
    std::optional<Failure> failure = in_transaction([&] { read_holds(); });
    if (failure)
        return;
    add_frozen();
    if (holds_ != before)
        apply_holds();
}

void Manager::add_frozen()
{
    for (const auto &[id, known] : known_)
        if (known.is_frozen)
            holds_.frozen.insert(id);
}

/* Whether a group has advanced, as a whole, beyond what the stream table has taken in: it is refreshed then, whether or
 * not it has changes, so that the changes of the next load are not taken for those of this one. */
bool Manager::is_released(Id id) const
{
    return std::any_of(holds_.groups.begin(), holds_.groups.end(), [&](const scheduler::WatermarkGroup &group) {
        std::optional<TimestampTz> advanced = scheduler::advanced_to(holds_, group);
        if (!advanced || !scheduler::concerns(holds_, group, graph_, id))
            return false;
        auto taken_in = holds_.taken_in.find({id, group.name});
        return taken_in == holds_.taken_in.end() || taken_in->second < *advanced;
    });
}

/* Puts the task of a stream table where its hold says. */
void Manager::apply_hold(Id id)
{
    Known &known = known_.at(id);
    scheduler::Task *task = queue_.find(id);
    std::optional<Hold> before = std::move(known.hold);
    known.hold = scheduler::hold_of(holds_, graph_, id);
    known.is_released = !known.hold && is_released(id);
    if (known.hold != before)
        known.hold_reported = known.hold_reported && known.hold.has_value();
    if (is_unreported(id))
        unreported_holds_.push_back(id);
    if (task == nullptr || known.is_suspended)
        return;
    if (known.hold)
        queue_.suspend(*task);
    else if (task->is_suspended)
        make_idle(*task);
    else if (known.is_released && task->is_idle())
        to_check_.push_back(id); /* no change of a source has it looked at */
    note_trouble(*task);
}

void Manager::apply_holds()
{
    add_frozen();
    resting_.clear();
    for (auto &[id, known] : known_) {
        apply_hold(id);
        const scheduler::Task *task = queue_.find(id);
        if (task != nullptr && task->is_suspended)
            resting_.push_back(id);
    }
}

/* It has been refreshed, and has taken in what its groups have advanced to. */
void Manager::note_taken_in(Id id)
{
    for (const scheduler::WatermarkGroup &group : holds_.groups)
        if (scheduler::concerns(holds_, group, graph_, id))
            if (std::optional<TimestampTz> advanced = scheduler::advanced_to(holds_, group))
                holds_.taken_in[{id, group.name}] = *advanced;
    if (holds_.groups.empty())
        return;
    apply_hold(id);
    /* It may have begun before they advanced so far: what it has really taken in is written down. */
    are_holds_read_ = false;
}

/* As mailbox::dirty_since(), of what it can take in. */
TimestampTz Manager::pending_since(Id id) const
{
    TimestampTz since = mailbox::dirty_since(id);
    if (since == 0 || resting_.empty())
        return since;
    return mailbox::dirty_since_beside(id, resting_.data(), static_cast<int>(resting_.size()));
}

/* The same, of what a refresh brings in when it is due. */
TimestampTz Manager::own_pending_since(Id id) const
{
    TimestampTz since = mailbox::look(id).own_dirty_since;
    if (since == 0 || resting_.empty())
        return since;
    return mailbox::dirty_since_beside(id, resting_.data(), static_cast<int>(resting_.size()), true);
}

/* The first that it reads and that is held. */
std::optional<Id> Manager::held_upstream(Id id) const
{
    for (Id upstream : graph_.upstreams(id))
        if (auto known = known_.find(upstream); known != known_.end() && known->second.hold)
            return upstream;
    return std::nullopt;
}

bool Manager::is_unreported(Id id) const
{
    auto known = known_.find(id);
    return known != known_.end() && known->second.hold && !known->second.hold_reported;
}

/* The history says once of each hold that a refresh was due and did not happen. Who is clean is listened for, and who is
 * not has its due time in `holds_due_`. */
void Manager::tell_holds()
{
    TimestampTz now = GetCurrentTimestamp();
    for (; !holds_due_.empty() && holds_due_.begin()->first <= now; holds_due_.erase(holds_due_.begin()))
        unreported_holds_.push_back(holds_due_.begin()->second);
    if (unreported_holds_.empty())
        return;
    std::vector<catalog::Refresh> rows;
    const definition::DatabaseZone zone(call([] { return definition::told_time_zone(); }));
    for (Id id : std::exchange(unreported_holds_, {})) {
        const scheduler::Task *task = queue_.find(id);
        if (task == nullptr || !is_unreported(id))
            continue;
        Known &known = known_.at(id);
        std::optional<TimestampTz> due = due_of(*task, mailbox::dirty_since(id), now, zone);
        if (!due) {
            listening_.listen(id);
            due = due_of(*task, mailbox::dirty_since(id), now, zone);
        }
        if (due && *due > now)
            holds_due_.emplace(*due, id);
        if (!due || *due > now)
            continue;
        known.hold_reported = true;
        catalog::Refresh row;
        row.relid = id;
        row.started_at = row.ended_at = now;
        row.action = "SKIP";
        row.status = "SKIPPED";
        row.initiated_by = "SCHEDULER";
        (void)in_transaction([&] { row.error_message = refresh::sentence_of(*known.hold); });
        rows.push_back(std::move(row));
    }
    if (!rows.empty())
        catalog::append_history(rows);
}

} // namespace pgtrickle::worker
