#include "worker/refresher/log_upkeep.hpp"

#include "capture/log/log_state.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/trim.hpp"
#include "catalog/process.hpp"
#include "definition/alert.hpp"
#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "mailbox/manager_side.hpp"
#include "pg/relation_name.hpp"
#include "worker/refresher/time_limit.hpp"
#include "worker/transaction.hpp"
#include "worker/worker.hpp"

extern "C" {
#include "pgstat.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <vector>

namespace pgtrickle::worker {

namespace {

constexpr TimestampTz give_way_after_us = 5'000;
constexpr int64_t large_without_limit = int64_t{512} << 20;

/* 0: no limit. */
int64_t max_log_bytes()
{
    return int64_t{guc::max_log_mb} << 20;
}

/* The sources whose logs the job trims, ascending. */
std::vector<Oid> sources_to_trim(const scheduler::Job &job)
{
    std::vector<Oid> sources;
    if (!job.is_of_all && job.slots.empty())
        return sources;
    (void)in_transaction([&] {
        List *list = call([] { return capture::captured_sources(); });
        ListCell *cell;
        foreach (cell, list)
            if (job.is_of_all ||
                std::binary_search(job.slots.begin(), job.slots.end(), mailbox::slot_of_source(lfirst_oid(cell))))
                sources.push_back(lfirst_oid(cell));
    });
    std::sort(sources.begin(), sources.end());
    return sources;
}

/* Sends an alert to each stream table that reads the source; false if not all alerts could be sent. In a
 * transaction. */
bool send_alerts_of_growth(Oid source, int64_t bytes, int64_t limit)
{
    std::string source_name = call([=] { return quoted_relation_name(source); });
    for (Oid dependent : definition::dependents_of(source)) {
        const RelationName shown = call([=] { return name_of_relation(dependent); });
        if (shown.name == nullptr)
            continue;
        if (!definition::send_alert(definition::alert_of("buffer_growth_warning", shown.schema, shown.name)
                                        .text("source", source_name)
                                        .number("log_bytes", bytes)
                                        .number("limit_bytes", limit)
                                        .end()))
            return false;
    }
    return true;
}

} // namespace

void LogUpkeep::run()
{
    call([] { pgstat_report_activity(STATE_RUNNING, "upkeep of change logs"); });
    /* Before trimming: while sources are written to all the time, there is always a log left to trim. */
    result_.history_count_due = job_.history_count_due;
    if (job_.is_prune_due) {
        TimestampTz before = GetCurrentTimestamp() - static_cast<TimestampTz>(job_.retention_days) * USECS_PER_DAY;
        result_.has_unpruned = catalog::prune_history(before, &result_.history_count_due);
        catalog::checkpoint();
    }
    trim_logs();
}

void LogUpkeep::trim_logs()
{
    using capture::Trimmed;
    const TimestampTz end = GetCurrentTimestamp() + give_way_after_us;
    const std::vector<Oid> sources = sources_to_trim(job_);
    auto next = sources.begin();
    while (next != sources.end() && !mailbox::is_asked_to_exit()) {
        result_.was_interrupted = next != sources.begin() && GetCurrentTimestamp() >= end;
        if (result_.was_interrupted)
            break;
        const Oid source = *next++;
        Trimmed trimmed = Trimmed::held_back;
        std::optional<int64_t> unreported_bytes;
        std::optional<TransactionFailure> failure = in_transaction([&] {
            limit_waiting(); /* an open transaction that drops the source has its log locked */
            unreported_bytes = look_at_size(source);
            trimmed = capture::trim(source, max_log_bytes());
        });
        if (unreported_bytes)
            alert_of_growth(source, *unreported_bytes);
        if (failure || trimmed == Trimmed::held_back)
            result_.held_back.push_back(source);
        else if (trimmed == Trimmed::again)
            result_.untrimmed.push_back(source);
    }
    result_.unexamined.assign(next, sources.end());
    for (Oid source : job_.large_sources) {
        const bool is_left = std::binary_search(next, sources.end(), source);
        const bool is_looked_at = job_.is_of_all || std::binary_search(sources.begin(), sources.end(), source);
        if (is_left || !is_looked_at)
            result_.large_sources.push_back(source);
    }
}

/* The size of the log, if an alert must be sent for it. In a transaction. */
std::optional<int64_t> LogUpkeep::look_at_size(Oid source)
{
    const int64_t limit = max_log_bytes();
    const int64_t bytes =
        call([=] { return get_rel_name(source) == nullptr ? int64_t{0} : capture::log_size(source); });
    const bool is_reported =
        std::find(job_.large_sources.begin(), job_.large_sources.end(), source) != job_.large_sources.end();
    /* The size of a log that is trimmed while it is written to varies: a reported log counts as large until
     * its size is below half of the threshold. */
    const int64_t large = limit > 0 ? limit / 2 : large_without_limit;
    if (bytes <= (is_reported ? large / 2 : large))
        return std::nullopt;
    if (!is_reported)
        return bytes;
    result_.large_sources.push_back(source);
    return std::nullopt;
}

/* In a transaction of its own, so that the alert is sent whatever the outcome of trimming; sent again unless
 * the transaction commits. */
void LogUpkeep::alert_of_growth(Oid source, int64_t bytes)
{
    bool is_sent = false;
    if (!in_transaction([&] { is_sent = send_alerts_of_growth(source, bytes, max_log_bytes()); }) && is_sent)
        result_.large_sources.push_back(source);
}

} // namespace pgtrickle::worker
