/*
 * Holds, as a manager keeps to them.
 *
 * Owns what was said of holds in the database, the hold on each stream table, and which holds the history has yet to
 * mention. The loop reads them when they may have changed, and has them reported; ReaderRequests and JobResults ask and notify it.
 *
 * The task of a held stream table is suspended; when a hold changes, all are looked at again. The refresh itself looks once
 * more, under its own snapshot. The history mentions a hold when a refresh would have been due. As with idle tasks, only those
 * are looked at to which something has happened, or whose time has come.
 *
 * Invariant: the task of a stream table with a hold is suspended, and no other but those that pgt_state says are
 * suspended. C++ frames; outside of transactions, but for read().
 */
#pragma once

#include "scheduler/graph/hold.hpp"
#include "worker/manager/tasks.hpp"

#include <map>
#include <optional>
#include <set>

namespace pgtrickle::worker {

class HoldTracker {
  public:
    HoldTracker(Definitions &definitions, Tasks &tasks) : definitions_(definitions), tasks_(tasks) {}
    HoldTracker(const HoldTracker &) = delete;
    HoldTracker &operator=(const HoldTracker &) = delete;

    /* In the transaction that reads definitions, or in one of its own; apply() follows. With the refresh groups. */
    void read();
    /* To be called after definitions were read, too. */
    void apply();
    void read_again() { are_read_ = false; }
    void read_if_due();

    bool is_held(scheduler::Id id) const { return hold_of(id).has_value(); }
    /* The first upstream that is held. */
    std::optional<scheduler::Id> held_upstream(scheduler::Id id) const;
    /* It has been refreshed, up to what its watermark groups have advanced to. */
    void record_refresh(scheduler::Id id);

    /* ---- the history ---- */
    /* Those of `ids` whose holds are not reported are looked at by report(). */
    void check(const scheduler::Ids &ids);
    void check_all();
    /* Says once of each hold that a refresh was due and did not happen. */
    void report();
    /* When report() has something to do: now, if DT_NOBEGIN. */
    std::optional<TimestampTz> next_at() const;

  private:
    struct Held {
        std::optional<scheduler::Hold> hold;
        bool is_reported = false;
    };
    const std::optional<scheduler::Hold> &hold_of(scheduler::Id id) const;
    void add_frozen();
    void apply_to(scheduler::Id id);
    bool is_released(scheduler::Id id) const;
    bool is_unreported(scheduler::Id id) const;

    Definitions &definitions_;
    Tasks &tasks_;
    scheduler::Holds holds_;
    bool are_read_ = false;
    std::map<scheduler::Id, Held> held_;
    scheduler::Ids unreported_holds_; /* something has happened to them since report() */
    std::set<std::pair<TimestampTz, scheduler::Id>> due_; /* whose hold is to be reported then */
};

} // namespace pgtrickle::worker
