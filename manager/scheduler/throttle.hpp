/*
 * How long a stream table that is refreshed on change is throttled between two refreshes.
 *
 * Refreshed at once after each commit, one whose sources never stand still would have its worker busy all
 * the time, and the writers pay for it. So refreshes live on a credit, which grows with time and
 * is at most `most_us`: a refresh costs what it took, and a stream table that owes something is throttled until it is paid
 * back. One whose refreshes apply single commits gets back half of the time, so that a session that commits now and then, or
 * waits until what it did is seen, waits for nothing.
 *
 * One whose refreshes apply many commits at once gets a thirty-second part, and has no credit to begin with: there a pause
 * makes the refreshes fewer and each of them does more. What a pause saves is what a refresh takes by itself, however little
 * it applies; the commits have to be applied anyway, sooner or later. So that part alone is paid for:
 *
 *     took ≈ own + commits · each        a line through the last refreshes, older ones counting less
 *
 * With all of it to be paid for, a pause made the next refresh longer, and that its pause, up to the longest. As
 * refreshes of one size say nothing of the line, each fourth pause is left out. Deviations from the line count by their share
 * of what the refresh took: whatever disturbs a refresh does so for longer the longer it is, and makes it slower,
 * never quicker. Counted as they are, one slow refresh of many commits throttled the next ones for tenths of a second.
 *
 * No pause is longer than the caller's `longest_us`. Times are arguments. Pure C++.
 */
#pragma once

#include "scheduler/time/schedule.hpp"

namespace pgtrickle::scheduler {

class Throttle {
  public:
    /* A refresh that took `took_us` has ended at `now`; it applied about `commits`. */
    void record_refresh(Microseconds took_us, int64_t commits, Microseconds now, Microseconds longest_us);
    /* A refresh found nothing to apply, and yet something is pending: a commit is on its way. The more
     * often in a row, the longer the pause, from a millisecond on. */
    void record_empty_refresh(Microseconds now, Microseconds longest_us);
    /* The next one does not begin before. */
    Microseconds until() const { return until_; }

  private:
    static constexpr Microseconds most_us = 2 * second_us;
    static constexpr int64_t many_commits = 4;

    /* What a refresh takes by itself, now that one took so long for so many commits. */
    double own_us(double took_us, double commits);

    Microseconds credit_us_ = most_us;
    Microseconds as_of_ = 0;
    Microseconds until_ = 0;
    int empty_ = 0;     /* in a row */
    unsigned pauses_ = 0;
    /* Of the last refreshes: their weight, and the weighted sums for the line. */
    double weight_ = 0, commits_ = 0, took_ = 0, commits_squared_ = 0, products_ = 0;
    double own_share_ = 0.125; /* of what a refresh of usual size takes, as the line was last seen; first, little: it is seen soon */
};

} // namespace pgtrickle::scheduler
