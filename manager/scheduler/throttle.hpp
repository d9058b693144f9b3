/*
 * How long a stream table that is refreshed on change is throttled between two refreshes.
 *
 * If it were refreshed at once after each commit, a stream table whose sources change all the time would keep
 * its worker busy all the time, at the writers' expense. Refreshes therefore use a credit, which grows with
 * time and is at most `most_us`: a refresh costs the time that it took, and a stream table in debt is
 * throttled until the debt is paid back. A stream table whose refreshes apply single commits is credited half
 * of the time that passes; a session that commits now and then, or waits until its changes are visible, waits
 * for nothing.
 *
 * A stream table whose refreshes apply many commits at once is *hot*. It cannot save credit: there a pause makes the
 * refreshes fewer, and each of them applies more. A pause saves the fixed cost of a refresh, which does not depend on
 * how much it applies; the commits have to be applied anyway, sooner or later. Only that part is charged, to a twelfth
 * of the time that passes. If several are hot at the same time they share a quarter of it, until each has a
 * thirty-second part.
 *
 *     took ≈ own + commits · each        a line through the last refreshes, older ones counting less
 *
 * If the whole time were charged, a pause would make the next refresh longer, and that refresh the next
 * pause, up to the longest. As refreshes of one size do not determine the line, each fourth pause is skipped.
 * Deviations from the line are weighted relative to the time of the refresh: a disturbance lasts longer in a
 * longer refresh, and makes it slower, never quicker. Without that weighting, one slow refresh of many
 * commits throttled the next ones for tenths of a second.
 *
 * No pause is longer than the caller's `longest_us`. Times are arguments. Pure C++.
 */
#pragma once

#include "scheduler/time/schedule.hpp"

#include <map>

namespace pgtrickle::scheduler {

/* The jobs that were hot within the last second. */
class HotJobs {
  public:
    /* Records a job that applied `commits` commits; `number` distinguishes it from others, and is the same for the next
     * job with its members. Returns how many jobs are hot, at least 1. */
    int record(int64_t number, int64_t commits, Microseconds now);

  private:
    std::map<int64_t, Microseconds> ended_at_;
    Microseconds looked_through_at_ = 0;
};

class Throttle {
  public:
    /* Records a refresh that took `took_us`, ended at `now` and applied about `commits` commits. `hot_jobs` as
     * HotJobs::record() returns it. */
    void record_refresh(Microseconds took_us, int64_t commits, Microseconds now, Microseconds longest_us,
                        int hot_jobs = 1);
    /* Records a refresh that found nothing to apply although a change is pending: its commit is under way, or an
     * upstream of another owner, which is refreshed before, fails. The pause is a millisecond at first, and longer the
     * more such refreshes follow each other. */
    void record_empty_refresh(Microseconds now, Microseconds longest_us);
    /* Time before which the next refresh must not begin. */
    Microseconds until() const { return until_; }
    /* As until(), for a schedule, which only many empty refreshes in a row put off; 0: nothing does. */
    Microseconds until_after_empty() const { return empty_ > few_empty ? until_ : 0; }

  private:
    static constexpr Microseconds most_us = 2 * second_us;
    static constexpr int few_empty = 8; /* as many as a commit that is under way may cause */

    /* The fixed cost of a refresh, updated by a refresh that took `took_us` for `commits` commits. */
    double own_us(double took_us, double commits);

    Microseconds credit_us_ = most_us;
    Microseconds as_of_ = 0;
    Microseconds until_ = 0;
    int empty_ = 0; /* empty refreshes in a row */
    unsigned pauses_ = 0;
    /* The last refreshes: their weight, and the weighted sums for the line. */
    double weight_ = 0, commits_ = 0, took_ = 0, commits_squared_ = 0, products_ = 0;
    double own_share_ = 0.125; /* fixed cost as a share of the time of an average refresh, as last determined
                                * by the line; the initial value is small, since an error in that direction is
                                * soon corrected */
};

} // namespace pgtrickle::scheduler
