/*
 * Upkeep, every some seconds while sources are written to or refreshes take something in, whoever
 * runs them: logs are trimmed, the catalog's write-ahead log is moved into its file, old
 * history goes. Otherwise there is nothing to keep up, and nothing runs. It is a job like a refresh,
 * for trimming a long log takes long; and one that gives way after some milliseconds, for refreshes that are at home with
 * the same worker wait for it. The next one goes on with the rest.
 *
 * A log is looked at only if its source was written to since, or was read on by a refresh, or if there was more to do. A log
 * that was trimmed as far as can be, its writers having room, stays so until it is written to. What sessions read on by
 * themselves nobody tells: a log that its readers hold back is looked at again along with the others.
 */
#include "catalog/process.hpp"
#include "definition/guc.hpp"
#include "worker/manager/manager.hpp"
#include "worker/refresher/refresher.hpp"
#include "worker/worker.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/trim.hpp"

extern "C" {
#include "pgstat.h"
}

#include <algorithm>
#include <utility>

namespace pgtrickle::worker {

using scheduler::Id;

namespace {

constexpr TimestampTz upkeep_pause_us = 5'000'000;
constexpr TimestampTz prune_pause_us = upkeep_pause_us;
constexpr TimestampTz give_way_after_us = 5'000;
constexpr TimestampTz unread_pause_us = 100'000; /* before looking again for what nothing reads, where there is nothing else to do */
constexpr TimestampTz patience_us = 1'000'000; /* of upkeep that is due, while refreshes are */

/* Ascending. */
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

} // namespace

void Refresher::trim_logs(scheduler::JobResult *result)
{
    using capture::Trimmed;
    const TimestampTz end = GetCurrentTimestamp() + give_way_after_us;
    const std::vector<Oid> sources = sources_to_trim(job_);
    auto next = sources.begin();
    while (next != sources.end() && !mailbox::is_asked_to_exit()) {
        result->has_given_way = next != sources.begin() && GetCurrentTimestamp() >= end;
        if (result->has_given_way)
            break;
        const Oid source = *next++;
        Trimmed trimmed = Trimmed::held_back;
        std::optional<int64_t> untold_bytes;
        std::optional<Failure> failure =
            in_transaction([&] {
                untold_bytes = look_at_log_size(source, result);
                trimmed = capture::trim(source, max_log_bytes());
            });
        if (untold_bytes)
            tell_growth(source, *untold_bytes, result);
        if (failure || trimmed == Trimmed::held_back)
            result->held_back.push_back(source);
        else if (trimmed == Trimmed::again)
            result->untrimmed.push_back(source);
    }
    result->untrimmed.insert(result->untrimmed.end(), next, sources.end());
    for (Oid source : job_.large_sources) {
        const bool is_left = std::binary_search(next, sources.end(), source);
        const bool is_looked_at = job_.is_of_all || std::binary_search(sources.begin(), sources.end(), source);
        if (is_left || !is_looked_at)
            result->large_sources.push_back(source);
    }
}

void Refresher::keep_up(scheduler::JobResult *result)
{
    call([] { pgstat_report_activity(STATE_RUNNING, "upkeep of change logs"); });
    /* First: where sources are written to all the time there is always some log left to trim. */
    if (job_.is_prune_due) {
        TimestampTz before =
            GetCurrentTimestamp() - static_cast<TimestampTz>(guc::history_retention_days) * USECS_PER_DAY;
        result->has_unpruned = catalog::prune_history(before);
        catalog::checkpoint();
    }
    trim_logs(result);
}

/* ---- when ---- */

bool Manager::is_upkeep_due(TimestampTz now)
{
    if (now < upkeep_after_)
        return false;
    note_written();
    if (!is_upkeep_wanted())
        upkeep_after_ = now + upkeep_pause_us;
    return is_upkeep_wanted();
}

bool Manager::is_upkeep_wanted() const
{
    return may_trim_ || is_all_to_trim_ || has_unpruned_ || !to_trim_.empty();
}

/* Who has written to too many sources at once, or commits what was prepared, says so of the database. */
void Manager::note_written()
{
    std::vector<uint32_t> written = listening_.take_written();
    to_trim_.insert(written.begin(), written.end());
    is_all_to_trim_ = is_all_to_trim_ || to_trim_.count(mailbox::slot_of_database()) != 0;
}

/* It has been refreshed: what it read up to now it needs no more. */
void Manager::note_read_on(Id id)
{
    may_trim_ = true;
    for (Id source : graph_.sources(id))
        to_trim_.insert(mailbox::slot_of_source(source));
}

bool Manager::is_upkeep_late(TimestampTz now) const
{
    return now >= upkeep_after_ + patience_us;
}

scheduler::Job Manager::upkeep_job(TimestampTz now)
{
    scheduler::Job job;
    job.kind = scheduler::Job::Kind::upkeep;
    job.large_sources = large_sources_;
    job.is_of_all = std::exchange(is_all_to_trim_, false);
    to_trim_.merge(held_back_);
    job.slots.assign(to_trim_.begin(), to_trim_.end());
    to_trim_.clear();
    held_back_.clear();
    may_trim_ = false;
    job.is_prune_due = now >= prune_after_;
    if (job.is_prune_due) {
        prune_after_ = now + prune_pause_us;
        has_unpruned_ = false;
    }
    return job;
}

/* Without a result its worker has died. */
void Manager::end_upkeep(const std::optional<scheduler::JobResult> &result)
{
    const TimestampTz now = GetCurrentTimestamp();
    upkeep_after_ = now + upkeep_pause_us;
    is_all_to_trim_ = is_all_to_trim_ || !result;
    if (!result)
        return;
    for (Id source : result->untrimmed)
        to_trim_.insert(mailbox::slot_of_source(source));
    for (Id source : result->held_back)
        held_back_.insert(mailbox::slot_of_source(source));
    large_sources_ = result->large_sources;
    has_unpruned_ = has_unpruned_ || result->has_unpruned;
    if (result->has_given_way)
        upkeep_after_ = now;
    if (known_.empty())
        finish_when_nothing_is_captured(now);
}

/* Without stream tables this process stays for what is still captured: by one that is yet to be created, or was not. */
void Manager::finish_when_nothing_is_captured(TimestampTz now)
{
    is_loaded_ = false;
    load_after_ = now + unread_pause_us;
}

} // namespace pgtrickle::worker
