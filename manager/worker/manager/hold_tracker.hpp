/*
 * The holds that a manager observes.
 *
 * Owns the holds of the database as they were last read, the hold on each stream table, and which holds are
 * not yet in the history. The loop reads the holds when they may have changed, and has them reported;
 * ReaderRequests and JobResults query and notify this object.
 *
 * The task of a held stream table is suspended; when a hold changes, all stream tables are checked again. The
 * refresh itself checks holds once more, under its own snapshot. The history mentions a hold when a refresh
 * would have been due. As with idle tasks, only those are checked that are concerned by an event, or whose
 * due time has come.
 *
 * Invariant: the tasks of stream tables with a hold are suspended, and no others except those that are
 * suspended according to pgt_state. C++ frames; outside of transactions.
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

    /* Reads the holds and the refresh groups, after definitions were read, and applies the holds to tasks. */
    void read_and_apply();
    void read_again() { are_read_ = false; }
    /* Does nothing while definitions have to be read again: the holds are read after them. */
    void read_if_due();

    bool is_held(scheduler::Id id) const { return hold_of(id).has_value(); }
    /* The first upstream that is held; nothing if there is none. */
    std::optional<scheduler::Id> held_upstream(scheduler::Id id) const;
    /* Records that `id` was refreshed, up to what its watermark groups have advanced to. */
    void record_refresh(scheduler::Id id);

    /* ---- the history ---- */
    /* Marks the stream tables of `ids` whose holds are not reported for report(). */
    void check(const scheduler::Ids &ids);
    void check_all();
    /* Writes each hold to the history once, when a refresh was due and did not happen. */
    void report();
    /* Time at which report() has something to do; DT_NOBEGIN: now. */
    std::optional<TimestampTz> next_at() const;

  private:
    struct Held {
        std::optional<scheduler::Hold> hold;
        bool is_reported = false;
    };
    const std::optional<scheduler::Hold> &hold_of(scheduler::Id id) const;
    bool read();
    void apply();
    void add_frozen();
    void apply_to(scheduler::Id id);
    std::optional<std::set<scheduler::Id>> released_with(scheduler::Id id) const;
    bool is_unreported(scheduler::Id id) const;

    Definitions &definitions_;
    Tasks &tasks_;
    scheduler::Holds stored_; /* as read, also of some relations that no stream table reads */
    scheduler::Holds holds_;  /* those that concern a stream table, with frozen tiers */
    bool are_read_ = false;
    TimestampTz read_failed_at_ = 0;
    std::map<scheduler::Id, Held> held_;
    scheduler::Ids unreported_holds_;                     /* concerned by an event since the last report() */
    std::set<std::pair<TimestampTz, scheduler::Id>> due_; /* times to report the holds of stream tables */
};

} // namespace pgtrickle::worker
