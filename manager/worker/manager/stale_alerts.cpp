#include "worker/manager/stale_alerts.hpp"

#include "definition/alert.hpp"
#include "definition/guc.hpp"
#include "definition/time_zone.hpp"
#include "mailbox/mailbox.hpp"
#include "refresh/batch/holds.hpp"
#include "worker/transaction.hpp"

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Id;

namespace {

constexpr TimestampTz look_pause_us = 5'000'000;

/* Time at which the changes since `since` were due to be applied; nothing if there is no such time. */
std::optional<TimestampTz> due_time(const scheduler::Task &task, TimestampTz since, const scheduler::Zone &zone)
{
    if (since == 0 || since == DT_NOBEGIN)
        return std::nullopt;
    std::optional<TimestampTz> first;
    for (const scheduler::Schedule &schedule : task.schedules)
        if (std::optional<TimestampTz> due = scheduler::next_due(schedule, since, zone))
            first = std::min(first.value_or(*due), *due);
    return task.schedules.empty() ? since : first;
}

} // namespace

std::optional<TimestampTz> StaleAlerts::next_at() const
{
    if (guc::stale_alert_after_s == 0 || tasks_.all_idle())
        return std::nullopt;
    return look_at_;
}

void StaleAlerts::send()
{
    TimestampTz now = GetCurrentTimestamp();
    if (now < look_at_ || guc::stale_alert_after_s == 0 || tasks_.all_idle())
        return;
    const TimestampTz late_after_us = static_cast<TimestampTz>(guc::stale_alert_after_s) * USECS_PER_SEC;
    /* Earliest time at which a change that has not been written yet can be late. */
    TimestampTz next_late = now + late_after_us;
    const definition::DatabaseZone zone(call([] { return definition::published_time_zone(); }));
    Stale unsent;
    std::set<Id> stale;
    for (const auto &[id, known] : definitions_.all()) {
        const scheduler::Task *task = tasks_.find(id);
        if (task == nullptr)
            continue;
        /* Changes that an upstream with a schedule of its own has not applied are not due yet. */
        TimestampTz since = task->is_idle() ? 0 : mailbox::status_of(id).scheduled_dirty_since;
        std::optional<TimestampTz> due = due_time(*task, since, zone);
        const bool is_stale = due && *due + late_after_us <= now;
        if (is_stale)
            stale.insert(id);
        if (is_stale && sent_.count(id) == 0)
            unsent.emplace(id, since);
        if (due)
            next_late = std::min(next_late, *due + late_after_us);
    }
    look_at_ = std::max(next_late, now + std::min(look_pause_us, late_after_us));
    sent_ = std::move(stale);
    if (!unsent.empty() && !send_all(unsent, now))
        std::erase_if(sent_, [&](Id id) { return unsent.count(id) != 0; });
}

/* Returns false if the alerts could not be sent; they are sent at the next look. */
bool StaleAlerts::send_all(const Stale &stale, TimestampTz now)
{
    bool is_sent = true;
    std::optional<TransactionFailure> failure = in_transaction([&] {
        for (auto next = stale.begin(); is_sent && next != stale.end(); ++next) {
            auto [id, since] = *next;
            const Known &known = definitions_.at(id);
            std::string reason = known.is_suspended ? "It is suspended." : refresh::explain_hold_to_all(id);
            if (reason.empty())
                reason = tasks_.find(id)->failures > 0 ? "Its last refresh failed." : "Its refresh is late.";
            is_sent = definition::send_alert(definition::alert_of("stale_data", known.schema_name, known.name)
                                                 .number("staleness_seconds", (now - since) / USECS_PER_SEC)
                                                 .ending_with("reason", reason));
        }
    });
    return !failure && is_sent;
}

} // namespace pgtrickle::worker
