/*
 * AUTO: whether a refresh by deltas or a full refresh is expected to cost less, learned from the times of
 * past refreshes.
 *
 *     delta ≈ a + Σ bᵢ · changed rows of source i          full ≈ c · rows of the sources + g · changed rows
 *
 * Coefficients are never negative. They are fitted to the latest refreshes by their relative errors, where
 * the latest count most and outliers little. The deviations of similar refreshes from the line correct it:
 * deltas that recompute what they touch do not follow a line. A first fill is a full refresh that writes
 * everything, and stands for one until there has been one. Where one way was never measured, the two are
 * assumed to cost the same at a share `break_even` of the rows of the sources: the setting
 * differential_max_change_ratio is that prior, not a limit. At its ends no estimate is used: 0 always chooses
 * a full refresh, 1 always deltas.
 *
 * Why the total time stays near that of the better way. Let m be the time of the better way.
 *   - Measured ways: the cheaper one by the estimates is chosen, or the one chosen before where they differ
 *     by less than `band`. A refresh then costs at most (1 + band) m, as far as the estimates are right.
 *   - Estimates become wrong, and the way not chosen is not measured. It is therefore chosen on trial where
 *     it would win if it were overestimated as much as so little evidence allows; but only if the expected
 *     cost of the trial is within the share `stake` of the time spent lately, less the cost of earlier
 *     trials. Trials add at most that share.
 *   - A delta of which little is known is given up when it has taken the time expected of a full refresh, on
 *     trial when it has used up what is left for trials. Both ways have then been paid for once, and the cost
 *     is known.
 * The unit test runs the model against simulated costs with noise, drift and growth: the total stays below
 * 1.2 of that of the better way except in about one run of a hundred, where a first trial met a hiccup.
 *
 * Nothing here is shared or stored: several processes that refresh the same stream table each append what
 * they measured. Pure C++; throws bad_alloc only. A choice takes some tens of microseconds.
 */
#pragma once

#include <cstdint>
#include <vector>

namespace pgtrickle::scheduler {

enum class RefreshKind { delta, full, fill };

struct ChangedRows {
    uint32_t source;
    double rows;
    bool operator==(const ChangedRows &) const = default;
};

/* The work that a refresh has to do. */
struct Work {
    double base_rows = 0;             /* rows of the sources, estimated */
    std::vector<ChangedRows> changes; /* one entry for each source */
    double reading_us = 0;            /* additional time of a delta, for reading the changes */

    double changed_rows() const;
};

struct Measured {
    RefreshKind way = RefreshKind::delta;
    Work work;
    double took_us = 0;
    double trial_us = 0;      /* of a trial: its time beyond what was expected of the other way */
    bool is_given_up = false; /* a delta that was given up: it would have taken longer */
    int64_t number = 0;       /* of the refresh; counts those of its stream table, kept or not */
};

enum class Why {
    share,   /* nothing was measured: decided by the share of changed rows */
    cheaper, /* decided by measurements */
    close,   /* the difference is too small to leave the way taken last */
    trial,   /* the way may turn out to be the cheaper one, and must be measured for that */
    setting, /* the share is 0 or 1 */
};

struct Choice {
    RefreshKind way = RefreshKind::delta; /* or full */
    Why why = Why::share;
    double delta_us = 0; /* expected; 0: unknown */
    double full_us = 0;
    double give_up_us = 0; /* a delta is given up after this time; 0: never */

    double expected_us(RefreshKind of) const { return of == RefreshKind::delta ? delta_us : full_us; }
    /* The value for Measured::trial_us if the refresh took `took_us`. */
    double trial_us(RefreshKind taken, double took_us) const;
};

/* Chooses the way of the next refresh. `past`: the latest measured refreshes, oldest first; most_measured of
 * each way are enough. */
Choice choose(const std::vector<Measured> &past, const Work &work, double break_even);

constexpr int most_measured = 16;

} // namespace pgtrickle::scheduler
