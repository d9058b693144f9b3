#include "worker/manager/tasks.hpp"

#include "definition/guc.hpp"
#include "definition/time_zone.hpp"
#include "mailbox/manager_side.hpp"
#include "scheduler/graph/refresh_batch.hpp"
#include "scheduler/time/pause.hpp"

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;

namespace {

constexpr TimestampTz pause_us = 50'000;

} // namespace

TimestampTz spacing_us()
{
    return static_cast<TimestampTz>(guc::scheduler_interval_ms) * 1000;
}

/* ---- following definitions ------------------------------------------------------------ */

void Tasks::apply(const DefinitionChanges &changes)
{
    for (Id relid : changes.gone)
        forget(relid);
    for (Id relid : changes.read)
        schedules_.erase(relid);
    for (const auto &[relid, state] : changes.states) {
        const scheduler::Task *task = queue_.find(relid);
        if (task == nullptr || state.has_changed || (task->failures > 0) != (state.failures > 0))
            set(relid, state);
    }
    if (!changes.gone.empty() || !changes.read.empty())
        for (const auto &[relid, known] : definitions_.all())
            set_effective_schedule(relid);
    for (Id relid : changes.downstream_of_changes) {
        listener_.set(relid, scheduler::with_all_upstreams(definitions_.graph(), relid));
        if (queue_.find(relid)->is_idle())
            to_check_.push_back(relid);
    }
}

/* Moves the task to the place that the stored state requires. */
void Tasks::set(Id relid, const StoredState &state)
{
    scheduler::Task &task = queue_.task(relid);
    task.is_due_without_changes = definitions_.at(relid).is_time_dependent;
    /* A time-dependent stream table is due by the time of its last refresh, in whichever session that ran. */
    if (task.is_due_without_changes && task.refreshed_at == 0)
        task.refreshed_at = state.data_timestamp;
    task.failures = state.failures;
    if (state.failures == 0)
        task.not_before = 0;
    if (state.is_suspended)
        queue_.suspend(task);
    else if (!task.is_running)
        make_idle(task);
    record_trouble(task);
    mailbox::offer_state(relid, {state.is_populated, state.is_suspended, state.failures > 0});
}

void Tasks::set_effective_schedule(Id relid)
{
    const scheduler::EffectiveSchedule &schedule = definitions_.effective_schedule(relid);
    auto known = schedules_.find(relid);
    if (known != schedules_.end() && known->second == schedule)
        return;
    schedules_[relid] = schedule;
    scheduler::Task &task = queue_.task(relid);
    task.schedules = schedule.schedules;
    task.waits_for_all = schedule.waits_for_all;
    publish_schedule(relid);
    if (task.is_queued())
        make_idle(task);
}

void Tasks::publish_schedule(Id relid)
{
    const scheduler::EffectiveSchedule &schedule = definitions_.effective_schedule(relid);
    mailbox::set_atomic_set(relid, schedule.atomic_set);
    mailbox::set_effective_schedule(relid, schedule.has_own_schedule, schedule.waits_for_all);
}

void Tasks::publish_missing_schedules()
{
    for (const auto &[relid, schedule] : schedules_)
        if (!mailbox::status_of(relid).is_schedule_known)
            publish_schedule(relid);
}

void Tasks::forget(Id relid)
{
    troubled_.erase(relid);
    locked_.erase(relid);
    released_.erase(relid);
    schedules_.erase(relid);
    queue_.remove(relid);
    listener_.remove(relid);
}

void Tasks::check_all_queued()
{
    for (Id relid : queue_.ids())
        if (scheduler::Task *task = queue_.find(relid); task->is_queued())
            make_idle(*task);
}

/* ---- checking ------------------------------------------------------------------------- */

void Tasks::make_idle(scheduler::Task &task)
{
    queue_.make_idle(task);
    to_check_.push_back(task.id);
}

/* A refresh reports why a definition cannot be read. */
std::optional<TimestampTz> Tasks::due_of(const scheduler::Task &task, TimestampTz since, TimestampTz now,
                                         const scheduler::Zone &zone) const
{
    if (task.failures == 0 && task.refreshed_at < definitions_.at(task.id).unread_since)
        return std::max(now, task.not_before);
    std::optional<TimestampTz> due = scheduler::due_at(task, since, now, spacing_us(), zone);
    return !due && is_released(task.id) ? now : due;
}

/* A transaction that creates a stream table fills it, and records that in the mailbox after its commit has become
 * visible, but before it releases its locks: until then, nothing is known of the stream table, and it is not due. Its
 * definition will be read again, and it is checked again then. */
bool Tasks::queue_if_due(scheduler::Task &task, TimestampTz now, const scheduler::Zone &zone)
{
    const mailbox::MailboxStatus known = mailbox::status_of(task.id);
    const TimestampTz since = own_pending_since(task.id, known);
    task.is_unfilled = known.is_without_rows();
    if (since == DT_NOBEGIN && definitions_.is_locked(task.id))
        return false;
    std::optional<TimestampTz> due = due_of(task, since, now, zone);
    if (due)
        queue_.queue(task, *due);
    has_found_due_ = has_found_due_ || (since != 0 && due && *due <= now);
    return due.has_value();
}

bool Tasks::take_changes()
{
    const Ids changed = listener_.take_changed();
    to_check_.insert(to_check_.end(), changed.begin(), changed.end());
    changed_.insert(changed.begin(), changed.end());
    return !changed.empty();
}

void Tasks::check_again_later(Id id, TimestampTz now)
{
    if (to_check_again_.empty())
        to_check_again_since_ = now;
    to_check_again_.insert(id);
}

void Tasks::check_again_if_due(TimestampTz now)
{
    if (scheduler::is_pausing(now, to_check_again_since_, pause_us))
        return;
    to_check_.insert(to_check_.end(), to_check_again_.begin(), to_check_again_.end());
    to_check_again_.clear();
}

std::optional<TimestampTz> Tasks::next_at() const
{
    return to_check_again_.empty() ? std::nullopt : std::optional(to_check_again_since_ + pause_us);
}

void Tasks::check(TimestampTz now)
{
    has_found_due_ = false;
    check_again_if_due(now);
    if (to_check_.empty())
        return;
    const definition::DatabaseZone zone(call([] { return definition::published_time_zone(); }));
    for (Id id : to_check_) {
        scheduler::Task *task = queue_.find(id);
        if (task == nullptr || !task->is_idle() || queue_if_due(*task, now, zone))
            continue;
        if (changed_.count(id) != 0 && definitions_.at(id).is_immediate) {
            check_again_later(id, now);
            continue;
        }
        /* The second check sees a change from before this call; the listener is notified of later changes. */
        listener_.listen(id);
        queue_if_due(*task, now, zone);
    }
    to_check_.clear();
    changed_.clear();
}

TimestampTz Tasks::pending_since(Id id) const
{
    TimestampTz since = mailbox::dirty_since(id);
    if (since == 0 || inactive_.empty())
        return since;
    return mailbox::dirty_since_ignoring(id, inactive_.data(), static_cast<int>(inactive_.size()));
}

TimestampTz Tasks::own_pending_since(Id id, const mailbox::MailboxStatus &known) const
{
    if (known.scheduled_dirty_since == 0 || inactive_.empty())
        return known.scheduled_dirty_since;
    return mailbox::dirty_since_ignoring(id, inactive_.data(), static_cast<int>(inactive_.size()), true);
}

TimestampTz Tasks::own_pending_since(Id id) const
{
    return own_pending_since(id, mailbox::status_of(id));
}

/* ---- flags ---------------------------------------------------------------------------- */

void Tasks::set_released(Id id, std::set<Id> upstreams)
{
    released_[id] = std::move(upstreams);
}

std::set<Id> Tasks::needed_by_released(const Ids &ids) const
{
    std::set<Id> needed;
    for (Id id : ids)
        if (auto found = released_.find(id); found != released_.end())
            needed.insert(found->second.begin(), found->second.end());
    return needed;
}

void Tasks::record_trouble(const scheduler::Task &task)
{
    if (task.failures > 0 || task.is_suspended)
        troubled_.insert(task.id);
    else
        troubled_.erase(task.id);
}

void Tasks::set_locked(Id id, bool is_locked)
{
    if (is_locked)
        locked_.insert(id);
    else
        locked_.erase(id);
}

} // namespace pgtrickle::worker
