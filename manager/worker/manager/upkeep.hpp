/*
 * When upkeep is due, and of which logs.
 *
 * Upkeep runs every some seconds while sources are written to or refreshes apply changes, in whichever session: logs are
 * trimmed, the catalog's write-ahead log is moved into its file, old history is deleted. Otherwise there is nothing to keep up,
 * and nothing runs. It is a job like a refresh (refresher/log_upkeep.hpp), for trimming a long log takes long; the next one goes on
 * with what one did not come to.
 *
 * A log is looked at only if its source was written to since, or was read on by a refresh, or if there was more to do. A log
 * that was trimmed as far as can be, its writers having room, stays so until it is written to. Nothing signals what sessions
 * read on: a log that its readers hold back is looked at again along with the others.
 *
 * Owns what is known of logs that need upkeep. The Dispatcher begins the job, JobResults ends it; the loop notifies it of
 * changes. Invariant: one upkeep job at a time. C++ frames; runs no SQL.
 */
#pragma once

#include "scheduler/job.hpp"
#include "worker/manager/definitions.hpp"
#include "worker/manager/tasks.hpp"

#include <optional>
#include <set>

namespace pgtrickle::worker {

class Upkeep {
  public:
    Upkeep(Definitions &definitions, Tasks &tasks) : definitions_(definitions), tasks_(tasks) {}
    Upkeep(const Upkeep &) = delete;
    Upkeep &operator=(const Upkeep &) = delete;

    /* ---- when ---- */
    bool is_running() const { return is_running_; }
    bool is_due(TimestampTz now);
    /* It has been due for long, while refreshes were, too. */
    bool is_late(TimestampTz now) const;
    TimestampTz due_since() const { return begin_after_; }
    std::optional<TimestampTz> next_at() const;
    /* There is nothing else to do. */
    void begin_soon() { begin_after_ = 0; }
    void forget_pauses(TimestampTz now);

    /* ---- what has happened ---- */
    void record_changes() { may_trim_ = true; }
    void trim_all() { is_all_to_trim_ = true; }
    /* A refresh has applied changes: what it read up to now is needed no more. */
    void record_refresh(scheduler::Id id);

    /* ---- the job ---- */
    scheduler::Job begin(TimestampTz now);
    /* Without a result its worker has died. */
    void end(const std::optional<scheduler::JobResult> &result);

  private:
    bool is_wanted() const;
    void collect_written();

    Definitions &definitions_;
    Tasks &tasks_;
    bool is_running_ = false;
    bool may_trim_ = false;          /* something was logged or refreshed since the last upkeep */
    bool is_all_to_trim_ = false;    /* as logs of dropped stream tables are, which no commit signals */
    std::set<uint32_t> to_trim_;     /* slots of sources that were written to or read on since upkeep looked at their logs, or
                                        for which there was more to do */
    std::set<uint32_t> held_back_;   /* of those for which there was more to do than could be done */
    bool has_unpruned_ = false;      /* the last upkeep pruned something: there may be more */
    scheduler::Ids large_sources_;   /* whose logs an alert has named */
    TimestampTz begin_after_ = 0;
    TimestampTz prune_after_ = 0;
};

} // namespace pgtrickle::worker
