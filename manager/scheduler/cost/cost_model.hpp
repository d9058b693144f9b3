/*
 * AUTO: whether a refresh by deltas or one from nothing is expected to be the cheaper one, learned from what the last ones took.
 *
 *     delta ≈ a + Σ bᵢ · changed rows of source i          full ≈ c · rows of the sources + g · changed rows
 *
 * Coefficients are never negative, and fitted to the latest refreshes by their relative errors, the latest counting
 * most and outliers little. What similar refreshes took beside the line corrects it: deltas that recompute what they touch do
 * not follow one. A first fill is a full refresh that writes everything, and stands for one until there has been one.
 * Where one way was never measured, the two are taken to cost the same at a share `break_even` of the rows of the sources:
 * the setting differential_max_change_ratio is that prior, and no limit. Its ends are: at 0 what is asked about is always computed
 * from nothing, at 1 never.
 *
 * Why the sum stays near that of the better way. Let m be what the better one takes.
 *   - Measured ways: the cheaper one by the estimates, and the one taken before where they differ by less than `band`. So
 *     a refresh costs at most (1 + band) m, as far as the estimates are right.
 *   - They become wrong, and the way not taken is not measured. So it is taken, on trial, where it would win if it was
 *     overestimated as much as so little evidence allows; but only if what that is expected to cost is within the
 *     `stake` of what was spent lately, less what earlier trials did cost. So trials add at most that share.
 *   - A delta of which little is known is given up when it has taken what computing from nothing is expected to take, on trial
 *     what is left for trials; then both have been paid, once: it is known from there on.
 * The unit test plays it against simulated costs with noise, drift and growth: it stays below 1.2 of the better way but for one run in
 * some hundred, where a first trial met a hiccup.
 *
 * Nothing here is shared or kept: several processes that refresh the same stream table each append what they measured.
 * Pure C++; throws bad_alloc only. Some tens of microseconds.
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

/* What a refresh has before it. */
struct Work {
    double base_rows = 0; /* of the sources, an estimate */
    std::vector<ChangedRows> changes; /* one a source */
    double reading_us = 0; /* what a delta takes besides, to read the changes */

    double changed_rows() const;
};

struct Measured {
    RefreshKind way = RefreshKind::delta;
    Work work;
    double took_us = 0;
    double staked_us = 0;       /* what a trial took beyond the other way's expectation */
    bool is_given_up = false;   /* a delta: it would have taken longer */
    int64_t number = 0;         /* counts those of a stream table, those too that are not kept any more */
};

enum class Why {
    share,   /* nothing was measured: by the share of changed rows */
    cheaper, /* by what was measured */
    close,   /* they differ too little to leave the way taken last */
    trial,   /* the other one is expected to be cheaper, and this is to be known better */
    setting, /* the share is 0 or 1 */
};

struct Choice {
    RefreshKind way = RefreshKind::delta; /* or full */
    Why why = Why::share;
    double delta_us = 0; /* expected; 0: nothing is known */
    double full_us = 0;
    double give_up_us = 0; /* a delta is given up after that; 0: never */

    double expected_us(RefreshKind of) const { return of == RefreshKind::delta ? delta_us : full_us; }
    /* Measured::staked_us, when it took so long. */
    double staked_us(RefreshKind taken, double took_us) const;
};

/* `past`: the latest refreshes that were measured, oldest first; most_measured of a way are enough. */
Choice choose(const std::vector<Measured> &past, const Work &work, double break_even);

constexpr int most_measured = 16;

} // namespace pgtrickle::scheduler
