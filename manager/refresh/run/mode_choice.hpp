/*
 * AUTO, for one refresh: whether to go by deltas or to compute from nothing, and what is to be learned from it.
 *
 * The catalog is asked, and the model (scheduler/cost_model), only where a full refresh could win: where many rows changed, or many
 * of a source, or the last delta took long. So a refresh of a few rows pays a comparison or two, and a DIFFERENTIAL
 * one nothing: it is never refreshed in full for its cost.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/run/run.hpp"

namespace pgtrickle::refresh {

class ModeChoice {
  public:
    ModeChoice(Compiled &compiled, int64_t generation);

    /* How many changed rows of a source are read without asking; 0: all. */
    int64_t most_unasked() const;
    /* Whether to compute from nothing without having read the changes, of which so many were logged. What is left of them when
     * they are summed is taken to be the share that was left the last time; so after a few such refreshes the answer is no. */
    bool wants_full_unread(const Run::Logged &logged);
    /* Otherwise: after the sources have been read, of which something changed. */
    void consider(std::vector<scheduler::ChangedRows> changes);

    bool wants_full() const { return choice_.way == scheduler::RefreshKind::full; }
    /* How long deltas may be applied; 0: as long as it takes. */
    int64_t time_limit_us() const { return static_cast<int64_t>(choice_.give_up_us); }

    void note(scheduler::RefreshKind way, int64_t took_us, bool is_given_up);
    const std::vector<scheduler::Measured> &measured() const { return measured_; }
    /* Why it went the way it did, with figures, for people; empty: it was not asked about. */
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

/* What a first fill that took so long shows: nothing unless the mode is AUTO and there is something to choose. */
std::vector<scheduler::Measured> measured_fill(const Compiled &compiled, int64_t took_us);

} // namespace pgtrickle::refresh
