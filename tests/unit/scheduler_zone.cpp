/*
 * Cron expressions where local time leaps. The slow definition, with which random expressions are compared,
 * goes minute by minute: a minute whose local time matches fires, unless that local time has occurred before;
 * and the first minute after a gap fires if a time in the gap matches.
 */
#include "scheduler/time/cron.hpp"
#include "scheduler/time/schedule.hpp"
#include "seed.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

using namespace pgtrickle::scheduler;

namespace {

constexpr Microseconds minute = 60 * second_us;
constexpr Microseconds hour = 60 * minute;
constexpr Microseconds day = 24 * hour;

/* A zone whose offset changes at certain moments. */
class LeapingZone final : public Zone {
  public:
    struct Leap {
        Microseconds at;
        Microseconds offset;
    };
    LeapingZone(Microseconds offset, std::vector<Leap> leaps) : offset_(offset), leaps_(std::move(leaps)) {}
    Span span_at(Microseconds at) const override
    {
        Span span = {offset_, INT64_MAX};
        for (const Leap &leap : leaps_) {
            if (leap.at > at) {
                span.until = leap.at;
                break;
            }
            span.offset = leap.offset;
        }
        return span;
    }

  private:
    Microseconds offset_;
    std::vector<Leap> leaps_;
};

/* 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC; in Berlin 02:00 becomes 03:00, and 03:00 becomes 02:00. */
constexpr Microseconds forward = (26 * 365 + 7 + 59 + 28) * day + hour;
constexpr Microseconds backward = forward + 210 * day;

LeapingZone berlin()
{
    return LeapingZone(hour, {{forward, 2 * hour}, {backward, hour}});
}

Cron parsed(const std::string &text)
{
    std::string fault;
    std::optional<Cron> cron = parse_cron(text, &fault);
    EXPECT_TRUE(cron) << text << ": " << fault;
    return cron.value_or(Cron{});
}

std::vector<Microseconds> fired(const std::string &text, const Zone &zone, Microseconds after, Microseconds until)
{
    Cron cron = parsed(text);
    std::vector<Microseconds> times;
    while (std::optional<Microseconds> next = next_cron(cron, after, zone)) {
        if (*next >= until)
            break;
        EXPECT_GT(*next, after) << text;
        times.push_back(after = *next);
    }
    return times;
}

bool matches(const Cron &cron, Microseconds local)
{
    return next_cron(cron, local - 1, utc) == local;
}

std::vector<Microseconds> fired_slowly(const std::string &text, const Zone &zone, Microseconds after,
                                       Microseconds until)
{
    Cron cron = parsed(text);
    const bool is_hourly = cron.hours == (1u << 24) - 1;
    std::vector<Microseconds> times;
    Microseconds begin = after - 2 * day;
    Microseconds passed = begin + zone.span_at(begin).offset - minute; /* the latest local minute that has occurred */
    for (Microseconds at = begin; at < until; at += minute) {
        Microseconds local = at + zone.span_at(at).offset;
        bool fires = matches(cron, local) && (is_hourly || local > passed);
        for (Microseconds skipped = passed + minute; !is_hourly && skipped < local; skipped += minute)
            fires = fires || matches(cron, skipped);
        passed = std::max(passed, local);
        if (fires && at > after)
            times.push_back(at);
    }
    return times;
}

TEST(Leaps, a_time_that_does_not_exist_comes_once_when_the_clock_has_been_put_forward)
{
    /* 02:30 on the day before, at the leap, and on the day after. */
    EXPECT_EQ(fired("30 2 * * *", berlin(), forward - day, forward + 2 * day),
              (std::vector<Microseconds>{forward - day + 30 * minute, forward, forward + day - 30 * minute,
                                         forward + 2 * day - 30 * minute}));
    EXPECT_EQ(fired("*/10 2 * * *", berlin(), forward - 10 * minute, forward + hour),
              (std::vector<Microseconds>{forward}));
    /* A match at the end of the gap does not fire a second time. */
    EXPECT_EQ(fired("0 2,3 * * *", berlin(), forward - hour, forward + hour), (std::vector<Microseconds>{forward}));
}

TEST(Leaps, a_time_that_exists_twice_comes_once)
{
    EXPECT_EQ(fired("30 2 * * *", berlin(), backward - 2 * hour, backward + day),
              (std::vector<Microseconds>{backward - 30 * minute}));
    /* A query between the two occurrences of the time has that result, too. */
    EXPECT_EQ(fired("30 2 * * *", berlin(), backward + 10 * minute, backward + day), std::vector<Microseconds>{});
    EXPECT_EQ(fired("0 3 * * *", berlin(), backward - hour, backward + 2 * hour),
              (std::vector<Microseconds>{backward + hour}));
}

TEST(Leaps, every_hour_is_every_hour_that_passes)
{
    EXPECT_EQ(fired("@hourly", berlin(), backward - 2 * hour, backward + 2 * hour),
              (std::vector<Microseconds>{backward - hour, backward, backward + hour}));
    EXPECT_EQ(fired("30 * * * *", berlin(), forward - hour, forward + hour),
              (std::vector<Microseconds>{forward - 30 * minute, forward + 30 * minute}));
}

TEST(Leaps, a_day_that_does_not_exist_comes_once_too)
{
    /* Samoa went from 29 to 31 December 2011: from UTC-10 to UTC+14. */
    constexpr Microseconds leap = (11 * 365 + 3 + 364 - 1) * day + 10 * hour;
    LeapingZone apia(-10 * hour, {{leap, 14 * hour}});
    EXPECT_EQ(fired("15 4 * * *", apia, leap - day, leap + day),
              (std::vector<Microseconds>{leap - day + 4 * hour + 15 * minute, leap, leap + 4 * hour + 15 * minute}));
}

TEST(Leaps, random_expressions_agree_with_the_slow_definition)
{
    std::mt19937 random(seed_of(7));
    auto below = [&](int limit) { return std::to_string(random() % limit); };
    const Microseconds shifts[] = {hour, -hour, 30 * minute, -30 * minute, 3 * hour, -3 * hour, 24 * hour, -24 * hour};
    for (int i = 0; i < 1000; i++) {
        Microseconds first = forward + static_cast<Microseconds>(random() % 1440) * minute;
        Microseconds second = first + static_cast<Microseconds>(1 + random() % 2880) * minute;
        Microseconds offset = static_cast<Microseconds>(random() % 48) * 30 * minute - 12 * hour;
        Microseconds shifted = offset + shifts[random() % std::size(shifts)];
        LeapingZone zone(offset, {{first, shifted}, {second, offset}});
        std::string minutes = random() % 2 ? below(60) : "*/" + std::to_string(1 + random() % 30);
        std::string hours = random() % 3 == 0 ? "*" : random() % 2 ? below(24) : below(24) + "," + below(24);
        std::string text = minutes + " " + hours + (random() % 4 ? " * * *" : " */2 * " + below(7));
        Microseconds after = first - day + static_cast<Microseconds>(random() % 4000) * minute;
        EXPECT_EQ(fired(text, zone, after, second + 2 * day), fired_slowly(text, zone, after, second + 2 * day))
            << text << " after " << after - forward << " leaps " << first - forward << ", " << second - forward
            << " by " << shifted - offset;
        if (HasFailure())
            return;
    }
}

/* Random schedules and times: a reader waits only if the manager is late, or if no wait would help. */
TEST(Readers, agree_with_the_manager)
{
    std::mt19937_64 random(seed_of(11));
    const char *crons[] = {"*/5 * * * *", "30 2 * * *", "0 */6 * * mon-fri", "15,45 1-3 * * *", "*/20 * * * * *"};
    LeapingZone zone = berlin();
    for (int i = 0; i < 20000; i++) {
        Schedule schedule;
        std::string fault;
        std::string text =
            random() % 2 ? std::to_string(random() % 4000) : std::string(crons[random() % std::size(crons)]);
        schedule = parse_schedule(text, &fault).value();
        Microseconds around = random() % 2 ? forward : backward;
        Microseconds since = around - day + static_cast<Microseconds>(random() % (2 * day));
        Microseconds now = since + static_cast<Microseconds>(random() % (random() % 2 ? day : 2 * hour));
        std::optional<Microseconds> due = next_due(schedule, since, zone);
        ASSERT_TRUE(due) << text;
        bool waits = is_due_for_reader(schedule, since, now, zone);
        /* A reader never waits before the stream table is due for the manager; it waits once a whole
         * interval, or a time of a cron expression, has passed. */
        if (waits)
            EXPECT_LE(*due, now) << text;
        bool is_cron = schedule.kind == Schedule::Kind::cron;
        if (is_cron)
            EXPECT_EQ(waits, *due <= now) << text;
        else
            EXPECT_EQ(waits, schedule.seconds == 0 || now - since > schedule.seconds * second_us) << text;
    }
    EXPECT_TRUE(is_due_for_reader(parse_schedule("1h", nullptr).value(), INT64_MIN, 0, zone));
    EXPECT_FALSE(is_due_for_reader(Schedule{}, INT64_MIN, 0, zone));
}

TEST(Intervals, are_as_short_as_the_shortest_gap)
{
    auto interval = [](const char *text) {
        std::string fault;
        return parse_schedule(text, &fault).value().shortest_interval_s(3600);
    };
    EXPECT_EQ(interval("90s"), 90);
    EXPECT_EQ(interval("0s"), INT64_MAX);
    EXPECT_EQ(interval("calculated"), INT64_MAX);
    EXPECT_EQ(interval("* * * * *"), 60);
    EXPECT_EQ(interval("0,50 6 * * *"), 3000);
    EXPECT_EQ(interval("59 23 * * *"), 86400);
    EXPECT_EQ(parse_schedule("0,59 0,23 * * *", nullptr).value().shortest_interval_s(61), 60); /* over midnight */
    EXPECT_EQ(interval("*/20 * * * * *"), 20);
    EXPECT_GE(interval("@hourly"), 3600);
    EXPECT_GE(interval("0 0 29 2 *"), 3600);
}

} // namespace
