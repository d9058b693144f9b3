/*
 * Upkeep, every some seconds while sources are written to or refreshes take something in, whoever
 * runs them: logs are trimmed, the catalog's write-ahead log is moved into its file, old
 * history goes. Otherwise there is nothing to keep up, and nothing runs.
 */
#include "capture/capture.hpp"
#include "catalog/process.hpp"
#include "definition/guc.hpp"
#include "worker/manager.hpp"
#include "worker/worker.hpp"

extern "C" {
#include "pgstat.h"
}

namespace pgtrickle::worker {

namespace {

constexpr TimestampTz upkeep_pause_us = 5'000'000;
constexpr TimestampTz prune_pause_us = 3'600'000'000;

std::vector<Oid> captured_sources()
{
    std::vector<Oid> sources;
    (void)in_transaction([&] {
        List *list = call([] { return capture::captured_sources(); });
        ListCell *cell;
        foreach (cell, list)
            sources.push_back(lfirst_oid(cell));
    });
    return sources;
}

} // namespace

bool Manager::is_upkeep_due(TimestampTz now) const
{
    return (may_trim_ || has_untrimmed_) && now >= upkeep_after_;
}

void Manager::trim_logs()
{
    has_untrimmed_ = false;
    for (Oid source : captured_sources()) {
        bool has_moved = false;
        std::optional<Failure> failure =
            in_transaction([&] { has_moved = capture::trim(source, max_log_bytes()); });
        has_untrimmed_ = has_untrimmed_ || (has_moved && !failure);
    }
}

void Manager::keep_up()
{
    TimestampTz now = GetCurrentTimestamp();
    if (!is_upkeep_due(now))
        return;
    may_trim_ = false;
    trim_logs();
    if (now >= prune_after_) {
        prune_after_ = now + prune_pause_us;
        TimestampTz before = now - static_cast<TimestampTz>(guc::history_retention_days) * USECS_PER_DAY;
        catalog::run([=](catalog::Database &catalog) { catalog::prune_history(catalog, before); });
    }
    catalog::checkpoint();
    if (catalog::take_is_new()) {
        for (auto &[relid, known] : known_)
            known.is_program_written = false;
        project_definitions();
    }
    call([] { pgstat_report_stat(true); });
    upkeep_after_ = GetCurrentTimestamp() + upkeep_pause_us;
}

} // namespace pgtrickle::worker
