/*
 * Alerts that nobody's failure brings about: stream tables that are staler than they may be, whatever the
 * reason, and change logs that grow towards their limit. Each is told once, until it is over.
 */
#include "definition/alert.hpp"
#include "definition/definition.hpp"
#include "definition/guc.hpp"
#include "definition/time_zone.hpp"
#include "pg/relation_name.hpp"
#include "refresh/group/holds.hpp"
#include "worker/manager/manager.hpp"
#include "worker/refresher/refresher.hpp"
#include "worker/worker.hpp"
#include "capture/log/log_state.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::worker {

using scheduler::Id;

namespace {

constexpr TimestampTz look_pause_us = 5'000'000;
constexpr int64_t large_without_limit = int64_t{512} << 20;

/* When what is missing since `since` was to be taken in; nothing: by no time. */
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

void Manager::alert_of_stale()
{
    TimestampTz now = GetCurrentTimestamp();
    if (now < look_for_stale_at_ || guc::stale_alert_after_s == 0 || queue_.all_idle())
        return;
    const TimestampTz patience_us = static_cast<TimestampTz>(guc::stale_alert_after_s) * USECS_PER_SEC;
    /* What nobody has written yet is late by then, at the earliest. */
    TimestampTz next_late = now + patience_us;
    const definition::DatabaseZone zone(call([] { return definition::told_time_zone(); }));
    std::vector<std::pair<Id, TimestampTz>> news;
    for (auto &[id, known] : known_) {
        const scheduler::Task *task = queue_.find(id);
        if (task == nullptr)
            continue;
        TimestampTz since = task->is_idle() ? 0 : mailbox::dirty_since(id);
        std::optional<TimestampTz> due = due_time(*task, since, zone);
        bool is_stale = due && *due + patience_us <= now;
        if (is_stale && !known.is_stale_told)
            news.push_back({id, since});
        known.is_stale_told = is_stale;
        if (due)
            next_late = std::min(next_late, *due + patience_us);
    }
    look_for_stale_at_ = std::max(next_late, now + std::min(look_pause_us, patience_us));
    if (!news.empty())
        tell_stale(news, now);
}

/* Who could not be told is at the next look. */
void Manager::tell_stale(const std::vector<std::pair<Id, TimestampTz>> &news, TimestampTz now)
{
    bool is_told = true;
    std::optional<Failure> failure = in_transaction([&] {
        for (auto next = news.begin(); is_told && next != news.end(); ++next) {
            auto [id, since] = *next;
            const Known &known = known_.at(id);
            std::string reason = known.is_suspended ? "It is suspended." : refresh::explain_hold_to_all(id);
            if (reason.empty())
                reason = queue_.find(id)->failures > 0 ? "Its last refresh failed." : "Its refresh is late.";
            is_told = definition::send_alert(definition::alert_of("stale_data", known.schema_name, known.name)
                                                 .number("staleness_seconds", (now - since) / USECS_PER_SEC)
                                                 .ending_with("reason", reason));
        }
    });
    if (failure || !is_told)
        for (auto [id, since] : news)
            known_.at(id).is_stale_told = false;
}

/* ---- of logs, as a part of upkeep ---- */

/* In a transaction; to each stream table that reads the source. False if it could not be sent to all. */
static bool alert_of_growth(Oid source, int64_t bytes, int64_t limit)
{
    std::string source_name = call([=] { return quoted_relation_name(source); });
    for (Oid reader : definition::readers_of(source)) {
        struct Names {
            const char *schema, *name;
        } names = call([=]() -> Names {
            return {get_namespace_name(get_rel_namespace(reader)), get_rel_name(reader)};
        });
        if (names.name == nullptr)
            continue;
        if (!definition::send_alert(definition::alert_of("buffer_growth_warning", names.schema, names.name)
                                        .text("source", source_name)
                                        .number("log_bytes", bytes)
                                        .number("limit_bytes", limit)
                                        .end()))
            return false;
    }
    return true;
}

/* In a transaction. The size of the log, if it is one that an alert is to tell of. */
std::optional<int64_t> Refresher::look_at_log_size(Oid source, scheduler::JobResult *result) const
{
    const int64_t limit = max_log_bytes();
    const int64_t bytes = call([=] { return get_rel_name(source) == nullptr ? int64_t{0} : capture::log_size(source); });
    const bool is_told = std::find(job_.large_sources.begin(), job_.large_sources.end(), source) != job_.large_sources.end();
    /* A log that is trimmed while it is written to goes up and down: it is not over before half of it is gone. */
    const int64_t large = limit > 0 ? limit / 2 : large_without_limit;
    if (bytes <= (is_told ? large / 2 : large))
        return std::nullopt;
    if (!is_told)
        return bytes;
    result->large_sources.push_back(source);
    return std::nullopt;
}

/* In a transaction of its own, so that it is heard of whatever becomes of the trimming; and again unless it is committed. */
void Refresher::tell_growth(Oid source, int64_t bytes, scheduler::JobResult *result) const
{
    bool is_told = false;
    if (!in_transaction([&] { is_told = alert_of_growth(source, bytes, max_log_bytes()); }) && is_told)
        result->large_sources.push_back(source);
}

} // namespace pgtrickle::worker
