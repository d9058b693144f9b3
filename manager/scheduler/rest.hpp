/*
 * How long a stream table that is refreshed on change rests between two refreshes.
 *
 * Refreshed at once after each commit, one whose sources never stand still would have its worker busy all
 * the time, and the writers pay for it. So refreshes live on a credit, which grows with time and
 * is at most `most_us`: a refresh costs what it took, and who owes something rests until it is paid back. Who takes in
 * single commits gets back half of the time, so that somebody who commits now and then, or waits for what
 * he did to be seen, waits for nothing. Who takes in many at once gets a sixteenth, and has no credit
 * to begin with: there a rest makes the refreshes fewer and each of them does more.
 *
 * No rest is longer than the caller's `longest_us`. Times are arguments. Pure C++.
 */
#pragma once

#include "scheduler/schedule.hpp"

namespace pgtrickle::scheduler {

class Rest {
  public:
    /* A refresh that took `took_us` has ended at `now`; it took in about `commits`. */
    void note_refresh(Microseconds took_us, int64_t commits, Microseconds now, Microseconds longest_us);
    /* A refresh found nothing to take in, and yet something is pending: a commit is on its way. The more
     * often in a row, the longer the rest, from a millisecond on. */
    void note_fruitless(Microseconds now, Microseconds longest_us);
    /* Not before then is the next one. */
    Microseconds until() const { return until_; }

  private:
    static constexpr Microseconds most_us = 2 * second_us;
    static constexpr int64_t many_commits = 4;

    Microseconds credit_us_ = most_us;
    Microseconds as_of_ = 0;
    Microseconds until_ = 0;
    int fruitless_ = 0; /* in a row */
};

} // namespace pgtrickle::scheduler
