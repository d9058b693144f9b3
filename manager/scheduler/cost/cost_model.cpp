/*
 * The fit: let θ⁰ⱼ be what coefficient j is thought to be before, fₛⱼ feature j of refresh s, and yₛ what it took. In
 * zₛⱼ = fₛⱼ θ⁰ⱼ / yₛ every refresh asks for the sum 1 and every coefficient is 1 before:
 *
 *     minimize  Σₛ wₛ (1 − Σⱼ zₛⱼ uⱼ)² + λ Σⱼ (uⱼ − 1)²   over uⱼ ≥ 0
 *
 * which is solved coordinate by coordinate, and again with less weight for those that are far off λ is small: it decides what the
 * refreshes leave open. How far they do is the standard error of an estimate, by the inverse of the same matrix.
 */
#include "scheduler/cost/cost_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace pgtrickle::scheduler {

namespace {

using Numbers = std::vector<double>;

constexpr double forgotten_a_refresh = 0.07; /* of the weight */
constexpr double delta_prior_weight = 1e-3;  /* λ, in refreshes */
constexpr double full_prior_weight = 0.05;   /* likewise */
constexpr double weight_of_fill = 0.3;       /* in refreshes */
constexpr double usual_error = 0.15;         /* relative, of what a refresh takes: at least */
constexpr double outlier = 0.3;              /* relative error from which on the weight falls */
constexpr double similar = 0.35;             /* natural logarithm of the ratio of expectations */
constexpr double most_corrected = 3.0;       /* likewise */
constexpr double band = 0.08;                /* of hysteresis */
constexpr double stake = 0.08;               /* share of what was spent that trials may cost */
constexpr double least_trial = 0.4;          /* of what the other way takes: less shows nothing */
constexpr double most_doubt = 4.0;           /* an estimate without evidence may be too high by a factor of 1 + this */
constexpr double little_doubt = 0.25;        /* is none */
constexpr double fill_to_full = 1.0;         /* what a full refresh takes of what a fill took */

struct Observed {
    Numbers features;
    double took_us;
    double weight;
    bool is_least; /* it would have taken longer */
};

double product(const Numbers &a, const Numbers &b)
{
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

struct Estimate {
    double us = 0;
    double error_us = 0;      /* standard error of the line, as far as nothing similar corrects it */
    double evidence = 0;      /* refreshes like this one, in fresh ones */
    bool is_measured = false; /* by any refresh */

    /* What it may take if it is overestimated. */
    double least_us() const
    {
        double doubt = most_doubt / (1 + 8 * evidence);
        return std::min(us / (1 + (doubt > little_doubt ? doubt : 0)), std::max(us - 2 * error_us, 0.0));
    }
};

/* One way's costs: what its coefficients are, and what they leave unexplained. */
class Line {
  public:
    /* Features from `first_of_size` on say how much there was to do. */
    Line(const Numbers &prior, std::vector<Observed> observed, size_t first_of_size, double prior_weight)
        : prior_weight_(prior_weight), prior_(prior), coefficients_(prior), observed_(std::move(observed)), first_of_size_(first_of_size)
    {
        note_what_is_usual();
        for (int round = 0; round < 4; round++)
            fit(prior);
    }
    Estimate estimate(const Numbers &features) const;

  private:
    struct Sums {
        Numbers products, single;
    };
    Sums sums(const Numbers &prior) const;
    void fit(const Numbers &prior);
    double error_at(const Numbers &features) const;
    double at(const Numbers &features) const { return product(coefficients_, features); }
    double target(const Observed &one) const;
    double likeness(const Numbers &a, const Numbers &b) const;
    void note_what_is_usual();

    double prior_weight_; /* λ */
    Numbers prior_;
    Numbers coefficients_;
    std::vector<Observed> observed_;
    size_t first_of_size_;
    Numbers usual_;
};

/* Of what was given up nothing is known but that it takes longer: twice as long, or three times if as much is expected anyway. */
double Line::target(const Observed &one) const
{
    return one.is_least ? std::clamp(at(one.features), 2 * one.took_us, 3 * one.took_us) : one.took_us;
}

/* Of `observed`: the sums of products of the z's by pairs of coefficients, and of the z's. */
Line::Sums Line::sums(const Numbers &prior) const
{
    const size_t count = prior.size();
    Sums sums{Numbers(count * count), Numbers(count, prior_weight_)};
    for (size_t j = 0; j < count; j++)
        sums.products[j * count + j] = prior_weight_;
    for (const Observed &one : observed_) {
        double wanted = target(one);
        double error = std::abs(1 - at(one.features) / wanted);
        double weight = one.weight / std::max(1.0, error / outlier);
        for (size_t j = 0; j < count; j++) {
            double z = one.features[j] * prior[j] / wanted;
            sums.single[j] += weight * z;
            for (size_t i = 0; i < count; i++)
                sums.products[j * count + i] += weight * z * one.features[i] * prior[i] / wanted;
        }
    }
    return sums;
}

void Line::fit(const Numbers &prior)
{
    const size_t count = prior.size();
    const Sums all = sums(prior);
    Numbers factors(count, 1.0);
    for (int sweep = 0; sweep < 200; sweep++)
        for (size_t j = 0; j < count; j++) {
            double others = 0;
            for (size_t i = 0; i < count; i++)
                others += i == j ? 0 : all.products[j * count + i] * factors[i];
            factors[j] = std::max(0.0, (all.single[j] - others) / all.products[j * count + j]);
        }
    for (size_t j = 0; j < count; j++)
        coefficients_[j] = prior[j] * factors[j];
}

/* σ² gᵀ M⁻¹ g with g = features · prior, by the Cholesky factor of M, row by row. */
double Line::error_at(const Numbers &features) const
{
    const size_t count = prior_.size();
    Numbers factor = sums(prior_).products, solved(count);
    double squares = 0;
    for (size_t j = 0; j < count; j++) {
        solved[j] = features[j] * prior_[j];
        for (size_t i = 0; i <= j; i++) {
            double sum = factor[j * count + i];
            for (size_t k = 0; k < i; k++)
                sum -= factor[j * count + k] * factor[i * count + k];
            factor[j * count + i] = i < j ? sum / factor[i * count + i] : std::sqrt(std::max(sum, prior_weight_ / 2));
        }
        for (size_t i = 0; i < j; i++)
            solved[j] -= factor[j * count + i] * solved[i];
        solved[j] /= factor[j * count + j];
        squares += solved[j] * solved[j];
    }
    return usual_error * std::sqrt(squares);
}

/* Of two refreshes: 1 if as much of the same was before them, each source's rows measured by how many there usually are; whatever the
 * line makes of it. */
double Line::likeness(const Numbers &a, const Numbers &b) const
{
    double all_a = 0, all_b = 0, common = 0;
    for (size_t j = first_of_size_; j < usual_.size(); j++) {
        all_a += a[j] / usual_[j];
        all_b += b[j] / usual_[j];
    }
    if (all_a <= 0 || all_b <= 0)
        return 0;
    for (size_t j = first_of_size_; j < usual_.size(); j++)
        common += std::min(a[j] / usual_[j] / all_a, b[j] / usual_[j] / all_b);
    double distance = std::log(all_a / all_b) / similar;
    return common * std::exp(-distance * distance / 2);
}

/* Each feature's mean where there is any of it. */
void Line::note_what_is_usual()
{
    usual_.assign(prior_.size(), 1);
    for (size_t j = 0; j < usual_.size(); j++) {
        double sum = 0, count = 0;
        for (const Observed &one : observed_)
            if (one.features[j] > 0) {
                sum += one.features[j];
                count++;
            }
        if (count > 0)
            usual_[j] = sum / count;
    }
}

Estimate Line::estimate(const Numbers &features) const
{
    double weights = 0, corrections = 0;
    for (const Observed &one : observed_) {
        double weight = one.weight * likeness(one.features, features);
        double off = std::log(target(one) / std::max(at(one.features), 1e-3));
        weights += weight;
        corrections += weight * std::clamp(off, -most_corrected, most_corrected);
    }
    double us = at(features) * std::exp(corrections / (weights + 0.5));
    bool is_measured = std::any_of(observed_.begin(), observed_.end(), [](const Observed &one) { return !one.is_least; });
    return {us, observed_.empty() ? 0 : error_at(features) / (1 + 8 * weights), weights, is_measured};
}

/* 1 for the latest, less for what was measured before that. */
double weight_of(const Measured &one, const std::vector<Measured> &past)
{
    return std::pow(1 - forgotten_a_refresh, static_cast<double>(past.back().number - one.number));
}

/* The least that one of `rows_of` took, for want of anything better; 0: nothing was measured. */
template <class RowsOf> double least_a_row(const std::vector<Measured> &past, RefreshKind way, RowsOf rows_of)
{
    double least = 0;
    for (const Measured &one : past) {
        double a_row = one.took_us / std::max(rows_of(one.work), 1.0);
        if (one.way == way && (least == 0 || a_row < least))
            least = a_row;
    }
    return least;
}

double base_of(const Work &work)
{
    return work.base_rows;
}

double changed_of(const Work &work)
{
    return work.changed_rows();
}

template <class FeaturesOf>
std::vector<Observed> observed_of(const std::vector<Measured> &past, RefreshKind way, FeaturesOf features_of)
{
    std::vector<Observed> observed;
    for (const Measured &one : past)
        if (one.way == way && one.took_us > 0)
            observed.push_back({features_of(one.work), one.took_us, weight_of(one, past), one.is_given_up});
    return observed;
}

/* Microseconds a row of the sources and the share at which a delta takes as long, as far as measurements
 * of either way tell; 0: they tell nothing. */
double full_a_row(const std::vector<Measured> &past, double break_even)
{
    if (double a_row = least_a_row(past, RefreshKind::fill, base_of); a_row > 0)
        return fill_to_full * a_row;
    if (double a_row = least_a_row(past, RefreshKind::full, base_of); a_row > 0)
        return a_row;
    return break_even * least_a_row(past, RefreshKind::delta, changed_of);
}

Numbers full_features(const Work &work)
{
    return {std::max(work.base_rows, 1.0), work.changed_rows()};
}

std::vector<uint32_t> sources_of(const std::vector<Measured> &past, const Work &work)
{
    std::vector<uint32_t> sources;
    auto add = [&](const Work &of) {
        for (const ChangedRows &change : of.changes)
            sources.push_back(change.source);
    };
    add(work);
    for (const Measured &one : past)
        add(one.work);
    std::sort(sources.begin(), sources.end());
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    return sources;
}

Numbers delta_features(const Work &work, const std::vector<uint32_t> &sources)
{
    Numbers features(sources.size() + 1, 0.0);
    features[0] = 1;
    for (const ChangedRows &change : work.changes)
        features[std::lower_bound(sources.begin(), sources.end(), change.source) - sources.begin() + 1] += change.rows;
    return features;
}

RefreshKind last_way(const std::vector<Measured> &past, RefreshKind otherwise)
{
    for (auto one = past.rbegin(); one != past.rend(); ++one)
        if (one->way != RefreshKind::fill && !one->is_given_up)
            return one->way;
    return otherwise;
}

RefreshKind other(RefreshKind way)
{
    return way == RefreshKind::delta ? RefreshKind::full : RefreshKind::delta;
}

struct Estimates {
    Estimate delta, full;
    const Estimate &of(RefreshKind way) const { return way == RefreshKind::delta ? delta : full; }
};

/* What a delta is thought to take at first: half of what the cheapest one took beyond its rows, at least `least`; and a changed row of
 * each source, `usual`, if that is not more than all that a refresh took that had changes of it. So what only small deltas tell
 * of is taken for cheap: that is found out within the patience for it, the contrary never. */
Numbers delta_prior(const std::vector<Measured> &past, const std::vector<uint32_t> &sources, double least, double usual)
{
    Numbers prior(sources.size() + 1, usual);
    prior[0] = least;
    double cheapest = 0;
    for (const Measured &one : past)
        if (one.way == RefreshKind::delta && !one.is_given_up && (cheapest == 0 || one.took_us < cheapest)) {
            cheapest = one.took_us;
            prior[0] = std::max(least, (one.took_us - usual * one.work.changed_rows()) / 2);
        }
    for (size_t j = 0; j < sources.size(); j++) {
        for (const Measured &one : past)
            for (const ChangedRows &change : one.work.changes)
                if (one.way == RefreshKind::delta && change.source == sources[j] && change.rows > 0)
                    prior[j + 1] = std::min(prior[j + 1], one.took_us / change.rows);
    }
    return prior;
}

/* And the fill, with changes of nothing: else, after refreshes with many changes only, all that these took may be put down
 * to the changes, and a full refresh with few is thought to be free. */
std::vector<Observed> full_observed(const std::vector<Measured> &past)
{
    std::vector<Observed> observed = observed_of(past, RefreshKind::full, full_features);
    if (!observed.empty())
        for (const Measured &one : past)
            if (one.way == RefreshKind::fill && one.took_us > 0)
                observed.push_back({full_features(one.work), fill_to_full * one.took_us, weight_of_fill, false});
    return observed;
}

Estimates estimates_of(const std::vector<Measured> &past, const Work &work, double a_row, double break_even)
{
    Line full({a_row, a_row}, full_observed(past), 0, full_prior_weight);
    std::vector<uint32_t> sources = sources_of(past, work);
    auto features = [&](const Work &of) { return delta_features(of, sources); };
    Numbers prior = delta_prior(past, sources, a_row * std::max(work.base_rows, 1.0) / 100, a_row / break_even);
    Line delta(prior, observed_of(past, RefreshKind::delta, features), 1, delta_prior_weight);
    return {delta.estimate(features(work)), full.estimate(full_features(work))};
}

/* What a trial may cost now: at first half of a refresh, later a share of what was spent. */
double allowance(const std::vector<Measured> &past, double expected_us)
{
    double left = 0;
    for (const Measured &one : past)
        if (one.way != RefreshKind::fill)
            left += weight_of(one, past) * (stake * one.took_us - one.staked_us);
    return left + expected_us / 2;
}

/* Of deltas given up not long ago; a trial has to go on for longer to show anything new. */
double longest_given_up(const std::vector<Measured> &past)
{
    double longest = 0;
    for (const Measured &one : past)
        if (one.is_given_up && weight_of(one, past) > 0.4)
            longest = std::max(longest, one.took_us);
    return longest;
}

/* The way not chosen, if it is to be tried. A delta on trial is given up when the allowance is used up. */
std::optional<Choice> trial(const Choice &choice, const Estimates &estimates, const std::vector<Measured> &past)
{
    Choice tried = choice;
    tried.way = other(choice.way);
    tried.why = Why::trial;
    double now = choice.expected_us(choice.way), then = choice.expected_us(tried.way);
    if (estimates.of(tried.way).least_us() >= now * (1 - band))
        return std::nullopt;
    double allowed = allowance(past, now);
    if (tried.way == RefreshKind::full)
        return then - now <= allowed ? std::optional(tried) : std::nullopt;
    tried.give_up_us = std::min(allowed, 1.25 * now);
    return tried.give_up_us >= std::max(least_trial * now, 1.25 * longest_given_up(past)) ? std::optional(tried) : std::nullopt;
}

/* A delta that is no trial. */
double patience(const Choice &choice, const Estimates &estimates)
{
    return estimates.delta.evidence < 1 ? choice.full_us : 3 * std::max(choice.full_us, choice.delta_us);
}

} // namespace

double Work::changed_rows() const
{
    double rows = 0;
    for (const ChangedRows &change : changes)
        rows += change.rows;
    return rows;
}

double Choice::staked_us(RefreshKind taken, double took_us) const
{
    if (why != Why::trial || taken != way)
        return 0;
    return std::max(0.0, took_us - expected_us(other(way)));
}

Choice choose(const std::vector<Measured> &past, const Work &work, double break_even)
{
    if (break_even <= 0 || break_even >= 1)
        return {break_even <= 0 ? RefreshKind::full : RefreshKind::delta, Why::setting};
    double a_row = full_a_row(past, break_even);
    if (a_row <= 0)
        return {work.changed_rows() > break_even * work.base_rows ? RefreshKind::full : RefreshKind::delta, Why::share};
    Estimates estimates = estimates_of(past, work, a_row, break_even);
    estimates.delta.us += work.reading_us;
    Choice choice{RefreshKind::delta, Why::cheaper, estimates.delta.us, estimates.full.us};
    if (choice.full_us < choice.delta_us)
        choice.way = RefreshKind::full;
    RefreshKind last = last_way(past, choice.way);
    if (last != choice.way && choice.expected_us(last) < choice.expected_us(choice.way) * (1 + band)) {
        choice.way = last;
        choice.why = Why::close;
    }
    if (!estimates.delta.is_measured)
        choice.why = Why::share;
    if (choice.way == RefreshKind::delta)
        choice.give_up_us = patience(choice, estimates);
    return trial(choice, estimates, past).value_or(choice);
}

} // namespace pgtrickle::scheduler
