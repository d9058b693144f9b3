#include "scheduler/throttle.hpp"
#include "seed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace pgtrickle::scheduler;

namespace {

constexpr Microseconds ms = 1000;
constexpr Microseconds longest = second_us;
constexpr Microseconds start = 1000 * second_us;

/* Returns the share of a minute that refreshes of duration `took` use, if there are always changes to apply,
 * `per_second` commits, beside others that are as hot. */
double share(Microseconds took, int64_t per_second, int hot_jobs = 1)
{
    Throttle throttle;
    Microseconds now = start, busy = 0, last = start;
    while (now < start + 60 * second_us) {
        now = std::max(now, throttle.until()) + took;
        busy += took;
        int64_t commits = std::max<int64_t>(1, (now - last) * per_second / second_us);
        last = now;
        throttle.record_refresh(took, commits, now, longest, hot_jobs);
    }
    return static_cast<double>(busy) / static_cast<double>(now - start);
}

TEST(Throttle, is_none_after_commits_now_and_then)
{
    Throttle throttle;
    for (Microseconds now = start; now < start + 60 * second_us; now += 20 * ms) {
        throttle.record_refresh(2 * ms, 1, now, longest);
        ASSERT_LE(throttle.until(), now);
    }
}

TEST(Throttle, is_none_for_one_who_waits_for_each_of_his_commits_for_a_while)
{
    Throttle throttle;
    Microseconds now = start;
    for (int i = 0; i < 50; i++) {
        now += 80 * ms;
        throttle.record_refresh(60 * ms, 1, now, longest);
        ASSERT_LE(throttle.until(), now) << i;
    }
}

TEST(Throttle, bounds_the_share_of_a_core)
{
    EXPECT_LT(share(2 * ms, 1), 0.55);
    for (int hot_jobs : {1, 2, 3, 5, 8, 100}) {
        const double part = 1.0 / std::clamp(4 * hot_jobs, 12, 32);
        EXPECT_LT(share(2 * ms, 5000, hot_jobs), 1.5 * part);
        EXPECT_LT(share(10 * ms, 5000, hot_jobs), 1.5 * part);
        EXPECT_GT(share(2 * ms, 5000, hot_jobs), 0.6 * part) << "refreshes are not stopped either";
    }
}

TEST(HotJobs, are_those_of_many_commits_in_the_last_second)
{
    HotJobs jobs;
    EXPECT_EQ(jobs.record(1, 1, start), 1);
    for (int64_t number = 1; number <= 100; number++)
        EXPECT_EQ(jobs.record(number, 4, start + number * ms), number);
    EXPECT_EQ(jobs.record(101, 3, start + 200 * ms), 100) << "few commits";
    EXPECT_EQ(jobs.record(7, 4, start + 900 * ms), 100) << "the same job again";
    EXPECT_EQ(jobs.record(7, 4, start + 2000 * ms), 1) << "and not the others";
    EXPECT_EQ(jobs.record(8, 4, start - 3600 * second_us), 1) << "the clock was set back";
}

/* A commit costs the same whenever it is applied. If commits were charged as well, the pause would grow to
 * its maximum. */
TEST(Throttle, of_a_hot_one_pays_for_what_a_refresh_takes_by_itself)
{
    for (double each_us : {2.0, 50.0, 120.0}) {
        Throttle throttle;
        Microseconds now = start, last = start, busy = 0;
        std::vector<Microseconds> pauses;
        while (now < start + 60 * second_us) {
            Microseconds begun = std::max(now, throttle.until());
            pauses.push_back(begun - now);
            double commits = static_cast<double>(begun - last) * 5000 / second_us;
            Microseconds noise = static_cast<Microseconds>(pauses.size() * 7919 % 400);
            Microseconds took = 1 * ms + noise + static_cast<Microseconds>(commits * each_us);
            now = begun + took;
            last = begun;
            busy += took;
            throttle.record_refresh(took, std::max<int64_t>(1, static_cast<int64_t>(commits)), now, longest);
        }
        std::sort(pauses.begin(), pauses.end());
        EXPECT_LT(pauses[pauses.size() / 2], 24 * ms) << each_us;
        EXPECT_GT(pauses[pauses.size() / 2], 1 * ms) << each_us;
        double unavoidable = each_us * 5000 / second_us;
        EXPECT_LT(static_cast<double>(busy) / static_cast<double>(now - start), unavoidable + 0.2) << each_us;
    }
}

/* Other processes use the core, sometimes for long. */
TEST(Throttle, of_a_hot_one_is_not_made_long_by_disturbed_refreshes)
{
    std::mt19937 random(seed_of(7));
    std::normal_distribution<double> slowing(0, 0.5);
    for (double each_us : {6.5, 20.0}) {
        Throttle throttle;
        Microseconds now = start, last = start - 4 * second_us, busy = 0;
        std::vector<Microseconds> pauses;
        while (now < start + 60 * second_us) {
            const Microseconds begun = std::max(now, throttle.until());
            if (begun > start + 20 * second_us)
                pauses.push_back(begun - now);
            const double commits = static_cast<double>(begun - last) * 8000 / second_us;
            const double took =
                (500 + commits * each_us) * std::exp(slowing(random)) + (random() % 50 == 0 ? 20'000 : 0);
            now = begun + static_cast<Microseconds>(took);
            last = begun;
            busy += static_cast<Microseconds>(took);
            throttle.record_refresh(static_cast<Microseconds>(took),
                                    std::max<int64_t>(1, static_cast<int64_t>(commits)), now, longest);
        }
        std::sort(pauses.begin(), pauses.end());
        EXPECT_LT(pauses[pauses.size() / 2], 8 * ms) << each_us;
        EXPECT_LT(pauses[pauses.size() * 99 / 100], 26 * ms) << each_us;
        const double unavoidable = each_us * 8000 / second_us;
        EXPECT_LT(static_cast<double>(busy) / static_cast<double>(now - start), unavoidable + 0.25) << each_us;
    }
}

TEST(Throttle, of_a_hot_one_is_proportional)
{
    Throttle throttle;
    Microseconds now = start;
    for (int i = 1; i <= 40; i++) {
        throttle.record_refresh(1 * ms, 50 + i % 3 * 50, now, longest);
        if (i % 4 == 0)
            EXPECT_EQ(throttle.until(), now) << "left out, to see what a small refresh takes";
        else if (i > 20)
            EXPECT_NEAR(throttle.until(), now + 12 * ms, 1 * ms) << i;
        else
            EXPECT_GE(throttle.until(), now + 1 * ms) << "whatever is known yet";
        now = std::max(throttle.until(), now) + 1 * ms;
    }
}

TEST(Throttle, is_never_longer_than_the_longest_and_leaves_no_debt)
{
    Throttle throttle;
    throttle.record_refresh(1000 * second_us, 100, start, longest);
    EXPECT_EQ(throttle.until(), start + longest);
    throttle.record_refresh(1 * ms, 1, start + 2 * longest, longest);
    EXPECT_LE(throttle.until(), start + 2 * longest);
}

TEST(Throttle, is_longer_each_time_nothing_was_to_be_taken_in)
{
    Throttle throttle;
    for (Microseconds wait : {1 * ms, 2 * ms, 4 * ms, 8 * ms}) {
        throttle.record_empty_refresh(start, longest);
        EXPECT_EQ(throttle.until(), start + wait);
    }
    for (int i = 0; i < 100; i++)
        throttle.record_empty_refresh(start, longest);
    EXPECT_EQ(throttle.until(), start + longest);
    throttle.record_refresh(1 * ms, 1, start, longest);
    EXPECT_LE(throttle.until(), start);
}

TEST(Throttle, survives_a_clock_that_goes_back)
{
    Throttle throttle;
    throttle.record_refresh(1 * ms, 1, start, longest);
    throttle.record_refresh(1 * ms, 1, start - 500 * second_us, longest);
    EXPECT_LE(throttle.until(), start - 500 * second_us);
}

} // namespace
