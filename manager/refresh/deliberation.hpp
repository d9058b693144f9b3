/*
 * AUTO, for one refresh: whether to go by deltas or to compute from nothing, and what is to be learned from it.
 *
 * The catalog is asked, and the model (scheduler/cost_model), only where a full refresh could win: where many rows changed, or many
 * of a source, or the last delta took long. So a refresh of a few rows pays a comparison or two, and a DIFFERENTIAL
 * one nothing: it is never refreshed in full for its cost.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/run.hpp"

namespace pgtrickle::refresh {

class Deliberation {
  public:
    /* After run has read the sources, of which something changed. */
    Deliberation(Compiled &compiled, int64_t generation, const Run &run);

    bool wants_full() const { return choice_.way == scheduler::Way::full; }
    /* How long deltas may be applied; 0: as long as it takes. */
    int64_t patience_us() const { return static_cast<int64_t>(choice_.give_up_us); }

    void note(scheduler::Way way, int64_t took_us, bool is_given_up);
    const std::vector<scheduler::Measured> &measured() const { return measured_; }
    /* Why it went the way it did, with figures, for people; empty: it was not asked about. */
    std::string reason() const;

  private:
    Compiled &compiled_;
    bool is_asked_ = false;
    scheduler::Work work_;
    scheduler::Choice choice_;
    std::vector<scheduler::Measured> measured_;
};

/* What a first fill that took so long shows: nothing unless the mode is AUTO and there is something to choose. */
std::vector<scheduler::Measured> measured_fill(const Compiled &compiled, int64_t took_us);

} // namespace pgtrickle::refresh
