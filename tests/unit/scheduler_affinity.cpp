#include "scheduler/worker_affinity.hpp"

#include <gtest/gtest.h>

using namespace pgtrickle::scheduler;

namespace {

constexpr Microseconds ms = 1000;
constexpr Microseconds now = 1000 * second_us;
using To = Assignment::To;

WorkerStatus busy(int number, Microseconds for_us)
{
    return {number, true, now - for_us};
}

WorkerStatus idle(int number, Microseconds for_us)
{
    return {number, false, now - for_us};
}

TEST(Affinity, work_goes_home)
{
    EXPECT_EQ(assign({idle(1, 5 * ms), idle(2, 1 * ms), busy(3, 1 * ms)}, 1, now, now), (Assignment{To::worker, 1}));
}

TEST(Affinity, a_busy_home_is_waited_for_though_another_is_idle)
{
    EXPECT_EQ(assign({busy(1, 5 * ms), idle(2, 1 * ms)}, 1, now, now), (Assignment{To::later, 0, now + 15 * ms}));
    EXPECT_EQ(assign({busy(1, 0)}, 1, now - 45 * ms, now), (Assignment{To::later, 0, now + 5 * ms}));
}

TEST(Affinity, who_has_waited_long_goes_to_another)
{
    EXPECT_EQ(assign({busy(1, 5 * ms), idle(2, 1 * ms)}, 1, now - 50 * ms, now), (Assignment{To::worker, 2}));
    EXPECT_EQ(assign({busy(1, 5 * ms), busy(2, 1 * ms)}, 1, now - 50 * ms, now), (Assignment{To::another}));
}

TEST(Affinity, a_long_job_is_not_waited_for)
{
    EXPECT_EQ(assign({busy(1, 20 * ms), idle(2, 1 * ms)}, 1, now, now), (Assignment{To::worker, 2}));
    EXPECT_EQ(assign({busy(1, 20 * ms)}, 1, now, now), (Assignment{To::another}));
}

TEST(Affinity, who_is_nowhere_at_home_takes_who_has_worked_last)
{
    EXPECT_EQ(assign({idle(1, 5 * ms), idle(2, 1 * ms)}, 0, now, now), (Assignment{To::worker, 2}));
    EXPECT_EQ(assign({idle(1, 5 * ms), busy(2, 1 * ms)}, 7, now, now), (Assignment{To::worker, 1}));
}

TEST(Affinity, who_is_nowhere_at_home_waits_for_whoever_began_last)
{
    EXPECT_EQ(assign({busy(1, 60 * ms), busy(2, 4 * ms)}, 0, now, now), (Assignment{To::later, 0, now + 16 * ms}));
    EXPECT_EQ(assign({busy(1, 60 * ms), busy(2, 30 * ms)}, 0, now, now), (Assignment{To::another}));
}

TEST(Affinity, the_first_worker_is_started_at_once)
{
    EXPECT_EQ(assign({}, 0, now, now), (Assignment{To::another}));
    EXPECT_EQ(assign({}, 3, now, now), (Assignment{To::another}));
}

TEST(Affinity, a_clock_set_back_makes_nobody_wait_longer)
{
    EXPECT_EQ(assign({busy(1, 0)}, 1, now + 3600 * second_us, now), (Assignment{To::later, 0, now + 20 * ms}));
    EXPECT_EQ(assign({busy(1, -3600 * second_us)}, 1, now, now), (Assignment{To::another}));
}

} // namespace
