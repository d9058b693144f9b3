#include "worker/manager/hold_tracker.hpp"

#include "catalog/tables/history.hpp"
#include "definition/time_zone.hpp"
#include "mailbox/mailbox.hpp"
#include "refresh/batch/holds.hpp"
#include "scheduler/time/pause.hpp"
#include "worker/transaction.hpp"

#include <algorithm>
#include <utility>

namespace pgtrickle::worker {

using scheduler::Hold;
using scheduler::Id;
using scheduler::Ids;

namespace {

constexpr TimestampTz read_pause_us = 1'000'000; /* after a failure */

} // namespace

bool HoldTracker::read()
{
    const std::optional<TransactionFailure> failure = in_transaction([&] {
        stored_ = refresh::read_holds_on([&] { return definitions_.graph(); });
        definitions_.read_refresh_groups();
    });
    are_read_ = !failure;
    if (failure) {
        read_failed_at_ = GetCurrentTimestamp();
        call([&] { ereport(LOG, (errmsg("pg_trickle could not read holds: %s", failure->message.c_str()))); });
    }
    return are_read_;
}

void HoldTracker::read_and_apply()
{
    (void)read(); /* it is tried again */
    apply();
}

void HoldTracker::read_if_due()
{
    if (are_read_ || !definitions_.is_current() ||
        scheduler::is_pausing(GetCurrentTimestamp(), read_failed_at_, read_pause_us))
        return;
    const scheduler::Holds before = stored_;
    if (read() && stored_ != before)
        apply();
}

void HoldTracker::add_frozen()
{
    for (const auto &[id, known] : definitions_.all())
        if (known.is_frozen)
            holds_.frozen.insert(id);
}

void HoldTracker::apply()
{
    holds_ = scheduler::concerning(stored_, definitions_.graph());
    add_frozen();
    std::erase_if(held_, [&](const auto &held) { return definitions_.find(held.first) == nullptr; });
    Ids inactive;
    for (const auto &[id, known] : definitions_.all()) {
        apply_to(id);
        const scheduler::Task *task = tasks_.find(id);
        if (task != nullptr && task->is_suspended)
            inactive.push_back(id);
    }
    tasks_.set_inactive(std::move(inactive));
}

/* Moves the task of a stream table to the place that its hold requires. */
void HoldTracker::apply_to(Id id)
{
    Held &held = held_[id];
    std::optional<Hold> before = std::exchange(held.hold, scheduler::hold_of(holds_, definitions_.graph(), id));
    std::optional<std::set<Id>> upstreams = held.hold ? std::nullopt : released_with(id);
    const bool is_to_be_refreshed = upstreams.has_value();
    if (is_to_be_refreshed)
        tasks_.set_released(id, std::move(*upstreams));
    else
        tasks_.set_not_released(id);
    if (held.hold != before)
        held.is_reported = held.is_reported && held.hold.has_value();
    if (is_unreported(id))
        unreported_holds_.push_back(id);
    scheduler::Task *task = tasks_.find(id);
    if (task == nullptr || definitions_.at(id).is_suspended)
        return;
    if (held.hold)
        tasks_.suspend(*task);
    else if (task->is_suspended)
        tasks_.make_idle(*task);
    else if (is_to_be_refreshed && task->is_idle())
        tasks_.check_later(id); /* no change of a source causes it to be checked */
    tasks_.record_trouble(*task);
}

/* Returns nothing unless a group has advanced, as a whole, beyond what the stream table's last refresh applied: the
 * stream table is then refreshed even without changes, so that changes of the next load are not applied as those of
 * this one. Otherwise returns the upstreams that lead to such groups, and must be refreshed with it whatever their
 * schedules are: its rows are those of the advance then. */
std::optional<std::set<Id>> HoldTracker::released_with(Id id) const
{
    std::optional<std::set<Id>> upstreams;
    for (const scheduler::WatermarkGroup &group : holds_.groups) {
        std::optional<TimestampTz> advanced = scheduler::advanced_to(holds_, group);
        if (!advanced || !scheduler::concerns(holds_, group, definitions_.graph(), id))
            continue;
        auto applied = holds_.applied_watermarks.find({id, group.name});
        if (applied != holds_.applied_watermarks.end() && applied->second >= *advanced)
            continue;
        if (!upstreams)
            upstreams.emplace();
        upstreams->merge(scheduler::leading_to(holds_, group, definitions_.graph(), id));
    }
    return upstreams;
}

void HoldTracker::record_refresh(Id id)
{
    for (const scheduler::WatermarkGroup &group : holds_.groups)
        if (scheduler::concerns(holds_, group, definitions_.graph(), id))
            if (std::optional<TimestampTz> advanced = scheduler::advanced_to(holds_, group))
                holds_.applied_watermarks[{id, group.name}] = stored_.applied_watermarks[{id, group.name}] = *advanced;
    if (holds_.groups.empty())
        return;
    apply_to(id);
    /* The refresh may have begun before the group advanced so far; what it really applied is stored and must
     * be read. */
    are_read_ = false;
}

const std::optional<Hold> &HoldTracker::hold_of(Id id) const
{
    static const std::optional<Hold> none;
    auto found = held_.find(id);
    return found == held_.end() ? none : found->second.hold;
}

std::optional<Id> HoldTracker::held_upstream(Id id) const
{
    for (Id upstream : definitions_.graph().upstreams(id))
        if (is_held(upstream))
            return upstream;
    return std::nullopt;
}

/* ---- the history ---------------------------------------------------------------------- */

bool HoldTracker::is_unreported(Id id) const
{
    auto found = held_.find(id);
    return found != held_.end() && found->second.hold && !found->second.is_reported;
}

void HoldTracker::check(const Ids &ids)
{
    for (Id id : ids)
        if (const scheduler::Task *task = tasks_.find(id); task != nullptr && task->is_suspended && is_unreported(id))
            unreported_holds_.push_back(id);
}

void HoldTracker::check_all()
{
    unreported_holds_ = tasks_.inactive();
}

std::optional<TimestampTz> HoldTracker::next_at() const
{
    if (!unreported_holds_.empty())
        return DT_NOBEGIN;
    std::optional<TimestampTz> at;
    if (!are_read_ && definitions_.is_current())
        at = read_failed_at_ + read_pause_us;
    if (!due_.empty())
        at = std::min(at.value_or(due_.begin()->first), due_.begin()->first);
    return at;
}

/* A clean stream table is listened for; one that lacks changes has its due time in `due_`. */
void HoldTracker::report()
{
    TimestampTz now = GetCurrentTimestamp();
    for (; !due_.empty() && due_.begin()->first <= now; due_.erase(due_.begin()))
        unreported_holds_.push_back(due_.begin()->second);
    if (unreported_holds_.empty())
        return;
    std::vector<catalog::Refresh> rows;
    const definition::DatabaseZone zone(call([] { return definition::published_time_zone(); }));
    for (Id id : std::exchange(unreported_holds_, {})) {
        const scheduler::Task *task = tasks_.find(id);
        if (task == nullptr || !is_unreported(id))
            continue;
        std::optional<TimestampTz> due = tasks_.due_of(*task, mailbox::dirty_since(id), now, zone);
        if (!due) {
            tasks_.listen(id);
            due = tasks_.due_of(*task, mailbox::dirty_since(id), now, zone);
        }
        if (due && *due > now)
            due_.emplace(*due, id);
        if (!due || *due > now)
            continue;
        Held &held = held_.at(id);
        held.is_reported = true;
        catalog::Refresh row;
        row.relid = id;
        row.started_at = row.ended_at = now;
        row.action = catalog::RefreshAction::skip;
        row.status = catalog::RefreshStatus::skipped;
        row.initiated_by = catalog::InitiatedBy::scheduler;
        (void)in_transaction([&] { row.error_message = refresh::sentence_to_all(*held.hold); });
        rows.push_back(std::move(row));
    }
    if (!rows.empty())
        catalog::append_history(rows);
}

} // namespace pgtrickle::worker
