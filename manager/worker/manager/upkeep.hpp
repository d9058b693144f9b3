/*
 * When upkeep is due, and for which logs.
 *
 * Upkeep runs every few seconds while sources are written to or refreshes apply changes, in whichever
 * session: logs are trimmed, the catalog's write-ahead log is moved into its file, old history is deleted.
 * Otherwise there is nothing to do, and nothing runs. Upkeep is a job like a refresh
 * (refresher/log_upkeep.hpp), because trimming a long log takes long; the next job continues with what the
 * last one did not reach.
 *
 * A log is examined only if its source was written to, or was read by a refresh, since the last upkeep, or if
 * more trimming remained. A log that was trimmed as far as possible, with room for its writers, stays so
 * until it is written to. Nothing signals what sessions have read: a log that its readers hold back is
 * examined again together with the others.
 *
 * Owns what is known of logs that need upkeep. The Dispatcher begins the job, JobResults ends it; the loop
 * notifies it of changes. Invariant: one upkeep job at a time. C++ frames; runs no SQL.
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
    /* Whether it has been due for long, while refreshes were due as well. */
    bool is_late(TimestampTz now) const;
    TimestampTz due_since() const { return begin_after_; }
    /* Time at which upkeep becomes due, if that is after `examined_at`, when the Dispatcher last examined what is due:
     * upkeep that was due then and has not begun waits for an event. */
    std::optional<TimestampTz> next_at(TimestampTz examined_at) const;
    /* Called when there is nothing else to do. */
    void begin_soon() { begin_after_ = 0; }
    void forget_pauses(TimestampTz now);

    /* ---- what has happened ---- */
    void record_changes() { may_trim_ = true; }
    void trim_all() { is_all_to_trim_ = true; }
    /* Records that a refresh has applied changes: what it has read is no longer needed in the logs. */
    void record_refresh(scheduler::Id id);

    /* ---- the job ---- */
    scheduler::Job begin(TimestampTz now);
    /* No result: the worker of the job has died. */
    void end(const std::optional<scheduler::JobResult> &result);

  private:
    bool is_wanted() const;
    void collect_written();

    Definitions &definitions_;
    Tasks &tasks_;
    bool is_running_ = false;
    bool may_trim_ = false;         /* a change was logged or applied since the last upkeep */
    bool is_all_to_trim_ = false;   /* as for logs of dropped stream tables, which no commit signals */
    std::set<uint32_t> to_trim_;    /* slots of sources that were written to or read since upkeep examined
                                     * their logs, or for which more trimming remained */
    std::set<uint32_t> unexamined_; /* slots that the last upkeep did not reach: the next one examines them alone, so
                                     * that there is a pause between two looks at one log */
    std::set<uint32_t> held_back_;  /* slots whose logs could not be trimmed although more remained */
    bool has_unpruned_ = false;     /* the last upkeep deleted history and may not have finished */
    scheduler::Ids large_sources_;  /* sources for whose logs an alert was sent */
    int64_t history_count_due_ = 0;
    TimestampTz begin_after_ = 0;
    TimestampTz prune_after_ = 0;
};

} // namespace pgtrickle::worker
