/*
 * The fit: let θ⁰ⱼ be the prior of coefficient j, fₛⱼ feature j of refresh s, and yₛ its time. With zₛⱼ = fₛⱼ
 * θ⁰ⱼ / yₛ, the target of every refresh is the sum 1, and the prior of every coefficient is 1:
 *
 *     minimize  Σₛ wₛ (1 − Σⱼ zₛⱼ uⱼ)² + λ Σⱼ (uⱼ − 1)²   over uⱼ ≥ 0
 *
 * This is solved coordinate by coordinate, and again with less weight for refreshes that are far off. λ is
 * small: the prior decides only what the refreshes leave open. How much they leave open is the standard error
 * of an estimate, which follows from the inverse of the same matrix.
 */
#include "scheduler/cost/cost_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace pgtrickle::scheduler {

namespace {

using Numbers = std::vector<double>;

constexpr double forgotten_a_refresh = 0.07; /* share of the weight that each further refresh removes */
constexpr double delta_prior_weight = 1e-3;  /* λ, as a number of refreshes */
constexpr double full_prior_weight = 0.05;   /* likewise */
constexpr double weight_of_fill = 0.3;       /* as a number of refreshes */
constexpr double usual_error = 0.15;         /* least relative error of the time of a refresh */
constexpr double outlier = 0.3;              /* relative error beyond which the weight falls */
constexpr double similar = 0.35;             /* scale of likeness: natural logarithm of the ratio of sizes */
constexpr double most_corrected = 3.0;       /* greatest correction, as a natural logarithm */
constexpr double band = 0.08;                /* relative width of the hysteresis */
constexpr double stake = 0.08;               /* share of the time spent that trials may cost */
constexpr double least_trial = 0.4;          /* share of the other way's time: less shows nothing */
constexpr double most_doubt = 4.0;           /* without evidence, an estimate may be too high by 1 + this */
constexpr double little_doubt = 0.25;        /* doubt up to this is ignored */
constexpr double fill_to_full = 1.0;         /* time of a full refresh relative to that of a fill */

struct Observed {
    Numbers features;
    double took_us;
    double weight;
    bool is_least; /* the refresh was given up: it would have taken longer */
};

double product(const Numbers &a, const Numbers &b)
{
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

struct Estimate {
    double us = 0;
    double error_us = 0;      /* standard error of the line, reduced where similar refreshes correct it */
    double evidence = 0;      /* number of similar refreshes, by their weights */
    bool is_measured = false; /* by a refresh that was not given up */

    /* Lower bound of the time, in case it is overestimated. */
    double least_us() const
    {
        double doubt = most_doubt / (1 + 8 * evidence);
        return std::min(us / (1 + (doubt > little_doubt ? doubt : 0)), std::max(us - 2 * error_us, 0.0));
    }
};

/* Costs of one way: the coefficients, and what they leave unexplained. */
class Line {
  public:
    /* Features from `first_of_size` on measure the size of the work. */
    Line(const Numbers &prior, std::vector<Observed> observed, size_t first_of_size, double prior_weight)
        : prior_weight_(prior_weight), prior_(prior), coefficients_(prior), observed_(std::move(observed)),
          first_of_size_(first_of_size)
    {
        compute_usual();
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
    void compute_usual();

    double prior_weight_; /* λ */
    Numbers prior_;
    Numbers coefficients_;
    std::vector<Observed> observed_;
    size_t first_of_size_;
    Numbers usual_;
};

/* The time to fit. All that is known of a refresh that was given up is that it takes longer: the target is
 * twice the time, or up to three times if the line expects that anyway. */
double Line::target(const Observed &one) const
{
    return one.is_least ? std::clamp(at(one.features), 2 * one.took_us, 3 * one.took_us) : one.took_us;
}

/* Sums over `observed`: of the products of the z's for each pair of coefficients, and of the z's. */
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

/* Likeness of two refreshes: 1 if both had the same amount of the same work, with the rows of each source
 * relative to their usual number; independent of the line. */
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

/* Sets the usual value of each feature: its mean over the refreshes that have any of it. */
void Line::compute_usual()
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
    bool is_measured =
        std::any_of(observed_.begin(), observed_.end(), [](const Observed &one) { return !one.is_least; });
    return {us, observed_.empty() ? 0 : error_at(features) / (1 + 8 * weights), weights, is_measured};
}

/* 1 for the latest refresh, less for earlier ones. */
double weight_of(const Measured &one, const std::vector<Measured> &past)
{
    return std::pow(1 - forgotten_a_refresh, static_cast<double>(past.back().number - one.number));
}

/* The least time for a row, as counted by `rows_of`, over the refreshes of this way; a rough substitute for a
 * fit. 0: nothing was measured. */
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

/* Microseconds that a full refresh takes for a row of the sources, from fills, else from full refreshes, else
 * from deltas and the share `break_even`; 0: nothing was measured. */
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

/* Prior coefficients of a delta. The constant part: half of the time that the cheapest delta took beyond its
 * rows, at least `least`. A changed row of each source: `usual`, but at most the whole time for a changed row
 * in any delta that had changes of this source. Costs of which only small deltas are known are thus assumed
 * to be low: if that is wrong, it is found out within the time after which a delta is given up, whereas a
 * cost assumed too high is never corrected. */
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

/* Full refreshes, and the fill as one without changes. Without it, after refreshes with many changes only,
 * their whole time may be attributed to the changes, and a full refresh with few changes is expected to cost
 * nothing. */
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

/* Time that a trial may cost now: half of a refresh at first, a share of the time spent later. */
double allowance(const std::vector<Measured> &past, double expected_us)
{
    double left = 0;
    for (const Measured &one : past)
        if (one.way != RefreshKind::fill)
            left += weight_of(one, past) * (stake * one.took_us - one.trial_us);
    return left + expected_us / 2;
}

/* The longest time of a delta that was recently given up; a trial must run longer than that to show anything
 * new. */
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
    return tried.give_up_us >= std::max(least_trial * now, 1.25 * longest_given_up(past)) ? std::optional(tried)
                                                                                          : std::nullopt;
}

/* Time after which a delta that is not a trial is given up. */
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

double Choice::trial_us(RefreshKind taken, double took_us) const
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
