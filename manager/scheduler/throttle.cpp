#include "scheduler/throttle.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

namespace {

/* More than this are applied by a hot job. */
constexpr int64_t few_commits = 3;

} // namespace

int HotJobs::record(int64_t number, int64_t commits, Microseconds now)
{
    if (commits > few_commits)
        ended_at_[number] = now;
    if (now < looked_through_at_ || now - looked_through_at_ > second_us / 4) {
        std::erase_if(ended_at_, [=](const auto &job) { return job.second > now || now - job.second > second_us; });
        looked_through_at_ = now;
    }
    return std::max(static_cast<int>(ended_at_.size()), 1);
}

double Throttle::own_us(double took_us, double commits)
{
    constexpr double fading = 0.9;
    constexpr double least_spread = 0.15; /* relative standard deviation of the numbers of commits */
    for (double *sum : {&weight_, &commits_, &took_, &commits_squared_, &products_})
        *sum *= fading;
    const double weight = 1 / std::max(took_us * took_us, 1.0);
    weight_ += weight;
    commits_ += weight * commits;
    took_ += weight * took_us;
    commits_squared_ += weight * commits * commits;
    products_ += weight * commits * took_us;
    const double mean = commits_ / weight_, usual_us = took_ / weight_;
    const double variance = commits_squared_ / weight_ - mean * mean;
    if (variance > least_spread * least_spread * mean * mean) {
        double each_us = (products_ / weight_ - mean * usual_us) / variance;
        own_share_ = std::clamp(1 - each_us * mean / std::max(usual_us, 1.0), 0.01, 1.0);
    }
    return std::min(took_us, own_share_ * usual_us);
}

void Throttle::record_refresh(Microseconds took_us, int64_t commits, Microseconds now, Microseconds longest_us,
                              int hot_jobs)
{
    const bool is_hot = commits > few_commits;
    const Microseconds divisor = is_hot ? std::clamp(4 * hot_jobs, 12, 32) : 2;
    const Microseconds own =
        static_cast<Microseconds>(own_us(static_cast<double>(took_us), static_cast<double>(commits)));
    Microseconds passed = std::clamp<Microseconds>(now - as_of_, 0, 3600 * second_us);
    credit_us_ = std::min(is_hot ? 0 : most_us, credit_us_ + passed / divisor) - (is_hot ? own : took_us);
    as_of_ = now;
    until_ = 0;
    empty_ = 0;
    if (credit_us_ < 0) {
        Microseconds rest_us = std::min(-credit_us_ * divisor, longest_us);
        if (is_hot && ++pauses_ % 4 == 0)
            rest_us = 0;
        /* Debt beyond the longest pause is cancelled: an old debt must not slow down refreshes that are quick
         * again. */
        credit_us_ = -rest_us / divisor;
        until_ = now + rest_us;
    }
}

void Throttle::record_empty_refresh(Microseconds now, Microseconds longest_us)
{
    empty_ = std::min(empty_ + 1, 20);
    until_ = std::max(until_, now + std::min(Microseconds{500} << empty_, longest_us));
}

} // namespace pgtrickle::scheduler
