#include "worker/manager/upkeep.hpp"

#include "definition/guc.hpp"
#include "mailbox/manager_side.hpp"

#include <algorithm>
#include <utility>

namespace pgtrickle::worker {

using scheduler::Id;

namespace {

constexpr TimestampTz upkeep_pause_us = 5'000'000;
constexpr TimestampTz prune_pause_us = upkeep_pause_us;
constexpr TimestampTz unread_pause_us = 100'000; /* pause before captured sources that nothing reads are
                                                  * looked for again, if there are no stream tables */
constexpr TimestampTz late_after_us = 1'000'000; /* then upkeep is dispatched before due refreshes */

} // namespace

bool Upkeep::is_due(TimestampTz now)
{
    if (now < begin_after_)
        return false;
    collect_written();
    if (!is_wanted())
        begin_after_ = now + upkeep_pause_us;
    return is_wanted();
}

bool Upkeep::is_late(TimestampTz now) const
{
    return now >= begin_after_ + late_after_us;
}

/* There are no notifications of writes to the sources of tasks that are not idle, but their logs grow. */
std::optional<TimestampTz> Upkeep::next_at(TimestampTz examined_at) const
{
    if (is_running_ || begin_after_ <= examined_at || (!is_wanted() && tasks_.all_idle()))
        return std::nullopt;
    return begin_after_;
}

void Upkeep::forget_pauses(TimestampTz now)
{
    begin_after_ = std::min(begin_after_, now);
    prune_after_ = std::min(prune_after_, now);
}

bool Upkeep::is_wanted() const
{
    return may_trim_ || is_all_to_trim_ || has_unpruned_ || !to_trim_.empty() || !unexamined_.empty();
}

/* A transaction that has written to too many sources at once, or that commits a prepared transaction, counts
 * as a change of the database. */
void Upkeep::collect_written()
{
    const std::vector<uint32_t> written = tasks_.take_written();
    to_trim_.insert(written.begin(), written.end());
    is_all_to_trim_ = is_all_to_trim_ || to_trim_.count(mailbox::slot_of_database()) != 0;
}

void Upkeep::record_refresh(Id id)
{
    may_trim_ = true;
    for (Id source : definitions_.graph().sources(id))
        to_trim_.insert(mailbox::slot_of_source(source));
}

scheduler::Job Upkeep::begin(TimestampTz now)
{
    is_running_ = true;
    scheduler::Job job;
    job.kind = scheduler::Job::Kind::upkeep;
    job.large_sources = large_sources_;
    job.history_count_due = history_count_due_;
    std::set<uint32_t> slots = std::exchange(unexamined_, {});
    if (slots.empty()) {
        job.is_of_all = std::exchange(is_all_to_trim_, false);
        slots = std::exchange(to_trim_, {});
        slots.merge(std::exchange(held_back_, {}));
        may_trim_ = false;
    }
    job.slots.assign(slots.begin(), slots.end());
    job.is_prune_due = now >= prune_after_;
    if (job.is_prune_due) {
        job.retention_days = guc::history_retention_days;
        prune_after_ = now + prune_pause_us;
        has_unpruned_ = false;
    }
    return job;
}

void Upkeep::end(const std::optional<scheduler::JobResult> &result)
{
    is_running_ = false;
    const TimestampTz now = GetCurrentTimestamp();
    begin_after_ = now + upkeep_pause_us;
    is_all_to_trim_ = is_all_to_trim_ || !result;
    if (!result)
        return;
    for (Id source : result->untrimmed)
        to_trim_.insert(mailbox::slot_of_source(source));
    for (Id source : result->unexamined)
        unexamined_.insert(mailbox::slot_of_source(source));
    for (Id source : result->held_back)
        held_back_.insert(mailbox::slot_of_source(source));
    large_sources_ = result->large_sources;
    history_count_due_ = result->history_count_due;
    has_unpruned_ = has_unpruned_ || result->has_unpruned;
    if (result->was_interrupted)
        begin_after_ = now;
    /* Without stream tables this process stays for sources that are still captured: for a stream table that
     * is yet to be created, or whose creation failed. */
    if (definitions_.all().empty())
        definitions_.read_again_at(now + unread_pause_us);
}

} // namespace pgtrickle::worker
