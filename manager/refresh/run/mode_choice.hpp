/*
 * AUTO's decision for one refresh, by deltas or in full, and the measurements for later decisions.
 *
 * The catalog and the cost model (scheduler/cost_model) are consulted only if a full refresh could be
 * cheaper: if many rows changed, or a large part of a source, or the last delta took long. A refresh of a few
 * rows thus costs a comparison or two, and a DIFFERENTIAL stream table costs nothing: it is never refreshed
 * in full because of its cost. C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/run/run.hpp"

namespace pgtrickle::refresh {

class ModeChoice {
  public:
    ModeChoice(Compiled &compiled, int64_t generation);

    /* Number of changed rows of a source that are read without consulting the model; 0: all. */
    int64_t max_rows_without_model() const;
    /* Whether to compute from nothing without having read the changes, whose numbers in the log are `logged`.
     * Assumes that the same share of them is left after summing as the last time; so after a few such
     * refreshes the answer is no. */
    bool wants_full_unread(const Run::Logged &logged);
    /* Decides after the sources have been read and something has changed. */
    void consider(std::vector<scheduler::ChangedRows> changes);

    bool wants_full() const { return choice_.way == scheduler::RefreshKind::full; }
    /* How long deltas may be applied; 0: without limit. */
    int64_t time_limit_us() const { return static_cast<int64_t>(choice_.give_up_us); }

    void note(scheduler::RefreshKind way, int64_t took_us, bool is_given_up);
    const std::vector<scheduler::Measured> &measured() const { return measured_; }
    /* Returns the reason for the decision, with figures, for human readers; empty if the model was not
     * consulted. */
    std::string reason() const;

  private:
    void ask();

    Compiled &compiled_;
    int64_t generation_;
    bool is_asked_ = false;
    bool is_unread_ = false;
    scheduler::Work work_;
    scheduler::Choice choice_;
    std::vector<scheduler::Measured> measured_;
};

/* Returns the measurement of a first fill that took `took_us`; none unless the mode is AUTO and there is a
 * choice. */
std::vector<scheduler::Measured> measured_fill(const Compiled &compiled, int64_t took_us);

} // namespace pgtrickle::refresh
