#include "scheduler/time/schedule.hpp"

#include <gtest/gtest.h>

using namespace pgtrickle::scheduler;

namespace {

constexpr Microseconds day = 86400 * second_us;

/* Days from 2000-01-01 to 2026-03-01, by hand: 26 years with 7 leap days, 31 + 28 days. */
constexpr Microseconds march_2026 = (26 * 365 + 7 + 59) * day;

Microseconds at(int days, int hours, int minutes, int seconds)
{
    return march_2026 + days * day + ((hours * 60 + minutes) * 60 + seconds) * second_us;
}

Schedule parsed(const char *text)
{
    std::string fault;
    std::optional<Schedule> schedule = parse_schedule(text, &fault);
    EXPECT_TRUE(schedule) << text << ": " << fault;
    return schedule.value_or(Schedule{});
}

std::string fault_of(const char *text)
{
    std::string fault;
    EXPECT_FALSE(parse_schedule(text, &fault)) << text;
    EXPECT_NE(fault, "") << text;
    return fault;
}

TEST(Durations, count_whole_seconds)
{
    EXPECT_EQ(parsed("30s").seconds, 30);
    EXPECT_EQ(parsed("5m").seconds, 300);
    EXPECT_EQ(parsed("1h30m").seconds, 5400);
    EXPECT_EQ(parsed("2d").seconds, 172800);
    EXPECT_EQ(parsed("1w1d1h1m1s").seconds, 694861);
    EXPECT_EQ(parsed("90").seconds, 90);
    EXPECT_EQ(parsed(" 0s ").seconds, 0);
    EXPECT_EQ(parsed("0s").kind, Schedule::Kind::duration);
    EXPECT_EQ(parsed("1H30M").seconds, 5400);
    EXPECT_EQ(parsed("Calculated").kind, Schedule::Kind::calculated);
}

TEST(Durations, refuse_what_they_do_not_say)
{
    EXPECT_EQ(fault_of("-5s"), "a duration cannot be negative");
    EXPECT_EQ(fault_of("0.001s"), "durations are whole seconds");
    EXPECT_EQ(fault_of("11d99999999999999999999h"), "a duration is at most ten years");
    for (const char *text : {"abc", "", "5x", "5m30", "30m1h", "1m1m", "s", "5 m x"})
        fault_of(text);
    for (const char *text : {"5 minutes", "1 h 30 m", "5x"})
        EXPECT_EQ(fault_of(text), "a duration is a number of seconds, or numbers with the units w, d, h, m and s, from "
                                  "the largest unit to the smallest");
    EXPECT_EQ(parsed("0 0 1 1 mon").kind, Schedule::Kind::cron);
}

TEST(Durations, come_due_on_a_grid_shared_by_all)
{
    EXPECT_EQ(next_due(parsed("30s"), at(0, 10, 0, 1), utc), at(0, 10, 0, 30));
    EXPECT_EQ(next_due(parsed("30s"), at(0, 10, 0, 30), utc), at(0, 10, 1, 0));
    EXPECT_EQ(next_due(parsed("1m"), at(0, 10, 0, 31), utc), at(0, 10, 1, 0));
    EXPECT_EQ(next_due(parsed("30s"), -second_us, utc), 0);
}

TEST(Durations, a_reader_waits_only_beyond_the_interval)
{
    Schedule schedule = parsed("30s");
    EXPECT_FALSE(is_due_for_reader(schedule, at(0, 0, 0, 0), at(0, 0, 0, 30), utc));
    EXPECT_TRUE(is_due_for_reader(schedule, at(0, 0, 0, 0), at(0, 0, 0, 30) + 1, utc));
    EXPECT_TRUE(is_due_for_reader(parsed("0s"), at(0, 0, 0, 0), at(0, 0, 0, 0), utc));
    EXPECT_FALSE(is_due_for_reader(parsed("calculated"), 0, at(0, 0, 0, 0), utc));
}

TEST(Cron, finds_the_next_time)
{
    /* 2026-03-01 is a Sunday. */
    EXPECT_EQ(next_due(parsed("*/15 * * * *"), at(0, 10, 7, 0), utc), at(0, 10, 15, 0));
    Schedule every_other = parsed("*/15 * * * *");
    every_other.every = 2;
    EXPECT_EQ(next_due(every_other, at(0, 10, 7, 0), utc), at(0, 10, 30, 0));
    EXPECT_FALSE(is_due_for_reader(every_other, at(0, 10, 7, 0), at(0, 10, 29, 59), utc));
    EXPECT_TRUE(is_due_for_reader(every_other, at(0, 10, 7, 0), at(0, 10, 30, 0), utc));
    EXPECT_EQ(next_due(parsed("0 6 * * *"), at(0, 6, 0, 0), utc), at(1, 6, 0, 0));
    EXPECT_EQ(next_due(parsed("0 0 * * mon"), at(0, 0, 0, 0), utc), at(1, 0, 0, 0));
    EXPECT_EQ(next_due(parsed("0 0 * * 7"), at(0, 0, 0, 0), utc), at(7, 0, 0, 0));
    EXPECT_EQ(next_due(parsed("@hourly"), at(0, 23, 59, 59), utc), at(1, 0, 0, 0));
    EXPECT_EQ(next_due(parsed("30 15 10 1 4 *"), at(0, 0, 0, 0), utc), at(31, 10, 15, 30));
    EXPECT_EQ(next_due(parsed("*/10 * * * * *"), at(0, 0, 0, 5), utc), at(0, 0, 0, 10));
    EXPECT_EQ(next_due(parsed("10-20/5,40 3 * * *"), at(0, 3, 15, 0), utc), at(0, 3, 20, 0));
    EXPECT_EQ(next_due(parsed("10-20/5,40 3 * * *"), at(0, 3, 20, 0), utc), at(0, 3, 40, 0));
}

TEST(Cron, either_day_field_matches_when_both_are_given)
{
    Schedule schedule = parsed("0 0 3 * wed"); /* Tuesday the 3rd, Wednesday the 4th */
    EXPECT_EQ(next_due(schedule, at(0, 0, 0, 0), utc), at(2, 0, 0, 0));
    EXPECT_EQ(next_due(schedule, at(2, 0, 0, 0), utc), at(3, 0, 0, 0));
}

TEST(Cron, knows_leap_years_and_what_never_comes)
{
    /* 2028-02-29: 2026-03-01 + 730 days. */
    EXPECT_EQ(next_due(parsed("0 0 29 2 *"), at(0, 0, 0, 0), utc), at(730, 0, 0, 0));
    EXPECT_EQ(fault_of("0 0 30 2 *"), "no date matches the cron expression");
}

TEST(Cron, follows_the_zone_it_is_given)
{
    /* 06:00 two hours east of Greenwich is 04:00 there. */
    EXPECT_EQ(next_due(parsed("0 6 * * *"), at(0, 0, 0, 0), FixedZone(7200)), at(0, 4, 0, 0));
}

TEST(Cron, a_reader_waits_if_a_due_time_has_passed_since_the_change)
{
    Schedule schedule = parsed("0 6 * * *");
    EXPECT_FALSE(is_due_for_reader(schedule, at(0, 6, 0, 1), at(1, 5, 59, 59), utc));
    EXPECT_TRUE(is_due_for_reader(schedule, at(0, 6, 0, 1), at(1, 6, 0, 0), utc));
}

TEST(Cron, refuses_what_is_not_one)
{
    EXPECT_EQ(fault_of("* * *"), "a cron expression has 5 or 6 fields");
    EXPECT_EQ(fault_of("61 * * * *"), "the cron field \"61\" is not a minute (0 to 59)");
    for (const char *text : {"* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *",
                             "a * * * *", "1, * * * *", "@never", "1.5 * * * *"})
        fault_of(text);
}

} // namespace
