#include "scheduler/database_turn.hpp"

#include <gtest/gtest.h>

namespace {

using pgtrickle::scheduler::comes_before;
using pgtrickle::scheduler::second_us;
using pgtrickle::scheduler::Waiting;

constexpr int64_t now = 1000 * second_us;

void expect_first(const Waiting &first, const Waiting &second)
{
    EXPECT_TRUE(comes_before(first, second, now));
    EXPECT_FALSE(comes_before(second, first, now));
}

TEST(Turn, whose_database_has_the_fewest_comes_first)
{
    expect_first({now - 10, 1}, {now - 500'000, 2});
}

TEST(Turn, of_as_many_who_waits_longest)
{
    expect_first({now - 20, 1}, {now - 10, 1});
}

TEST(Turn, who_is_late_comes_before_all_who_are_not)
{
    expect_first({now - 3 * second_us, 5}, {now - second_us, 0});
}

TEST(Turn, of_the_late_who_waits_longest)
{
    expect_first({now - 4 * second_us, 5}, {now - 3 * second_us, 0});
}

TEST(Turn, nobody_comes_before_himself)
{
    for (int64_t since : {now, now - second_us, now - 3 * second_us})
        EXPECT_FALSE(comes_before({since, 1}, {since, 1}, now));
}

/* A stream table may be queued later than now after the clock was set back. */
TEST(Turn, who_waits_since_later_than_now_is_not_late)
{
    expect_first({now + 3600 * second_us, 0}, {now - 10, 1});
}

} // namespace
