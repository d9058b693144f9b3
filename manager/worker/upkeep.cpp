/*
 * Upkeep, every some seconds while sources are written to or refreshes take something in, whoever
 * runs them: logs are trimmed, the catalog's write-ahead log is moved into its file, old
 * history goes. Otherwise there is nothing to keep up, and nothing runs. It is a job like a refresh,
 * for trimming a long log takes long; and one that gives way after some milliseconds, for refreshes that are at home with
 * the same worker wait for it. The next one goes on where it ended.
 */
#include "capture/capture.hpp"
#include "catalog/process.hpp"
#include "definition/guc.hpp"
#include "worker/manager.hpp"
#include "worker/refresher.hpp"
#include "worker/worker.hpp"

extern "C" {
#include "pgstat.h"
}

#include <algorithm>

namespace pgtrickle::worker {

namespace {

constexpr TimestampTz upkeep_pause_us = 5'000'000;
constexpr TimestampTz prune_pause_us = upkeep_pause_us;
constexpr TimestampTz give_way_after_us = 5'000;
constexpr TimestampTz patience_us = 1'000'000; /* of upkeep that is due, while refreshes are */

/* Ascending. */
std::vector<Oid> captured_sources_after(Oid after)
{
    std::vector<Oid> sources;
    (void)in_transaction([&] {
        List *list = call([] { return capture::captured_sources(); });
        ListCell *cell;
        foreach (cell, list)
            if (lfirst_oid(cell) > after)
                sources.push_back(lfirst_oid(cell));
    });
    std::sort(sources.begin(), sources.end());
    return sources;
}

} // namespace

/* Whether anything was moved or emptied: there may be more. */
bool Refresher::trim_logs(scheduler::JobResult *result)
{
    bool has_untrimmed = false;
    const TimestampTz end = GetCurrentTimestamp() + give_way_after_us;
    Oid last = job_.after;
    for (Oid source : captured_sources_after(job_.after)) {
        if (last != job_.after && GetCurrentTimestamp() >= end) {
            result->go_on_after = last;
            break;
        }
        last = source;
        bool has_moved = false;
        std::optional<int64_t> untold_bytes;
        std::optional<Failure> failure =
            in_transaction([&] {
                untold_bytes = look_at_log_size(source, result);
                has_moved = capture::trim(source, max_log_bytes());
            });
        if (untold_bytes)
            tell_growth(source, *untold_bytes, result);
        has_untrimmed = has_untrimmed || (has_moved && !failure);
        if (mailbox::is_asked_to_exit())
            break;
    }
    for (Oid source : job_.large_sources)
        if (source <= job_.after || (result->go_on_after != 0 && source > last))
            result->large_sources.push_back(source);
    return has_untrimmed;
}

void Refresher::keep_up(scheduler::JobResult *result)
{
    call([] { pgstat_report_activity(STATE_RUNNING, "upkeep of change logs"); });
    result->has_untrimmed = trim_logs(result);
    if (result->go_on_after != 0)
        return;
    if (job_.is_prune_due) {
        TimestampTz before =
            GetCurrentTimestamp() - static_cast<TimestampTz>(guc::history_retention_days) * USECS_PER_DAY;
        result->has_untrimmed = catalog::prune_history(before) || result->has_untrimmed;
    }
    catalog::checkpoint();
}

/* ---- when ---- */

bool Manager::is_upkeep_due(TimestampTz now)
{
    if (now < upkeep_after_)
        return false;
    if (go_on_after_ != 0)
        return true;
    uint64_t commits = listening_.count_commits();
    may_trim_ = may_trim_ || commits != commits_trimmed_;
    commits_trimmed_ = commits;
    bool is_due = may_trim_ || has_untrimmed_;
    if (!is_due)
        upkeep_after_ = now + upkeep_pause_us;
    return is_due;
}

bool Manager::is_upkeep_late(TimestampTz now) const
{
    return now >= upkeep_after_ + patience_us;
}

scheduler::Job Manager::upkeep_job(TimestampTz now)
{
    /* What is written while it has given way may be of a source that it has passed. */
    may_trim_ = may_trim_ && go_on_after_ != 0;
    scheduler::Job job;
    job.kind = scheduler::Job::Kind::upkeep;
    job.large_sources = large_sources_;
    job.after = go_on_after_;
    job.is_prune_due = now >= prune_after_;
    return job;
}

void Manager::end_upkeep(const scheduler::JobResult &result)
{
    const TimestampTz now = GetCurrentTimestamp();
    has_untrimmed_ = result.has_untrimmed || (has_untrimmed_ && go_on_after_ != 0);
    large_sources_ = result.large_sources;
    go_on_after_ = result.go_on_after;
    upkeep_after_ = go_on_after_ != 0 ? now : now + upkeep_pause_us;
    if (go_on_after_ == 0 && now >= prune_after_)
        prune_after_ = now + prune_pause_us;
}

} // namespace pgtrickle::worker
