/*
 * The actions of a manager in the course of time: it looks for work, refreshes stream tables that are due,
 * and sleeps. The clock is a number that the tests set forward and back.
 */
#include "scheduler/queue.hpp"
#include "scheduler/time/pause.hpp"

#include <gtest/gtest.h>

#include <vector>

using namespace pgtrickle::scheduler;

namespace {

constexpr Microseconds s = second_us;
constexpr Microseconds hour = 3600 * s;

Schedule parsed(const char *text)
{
    std::string fault;
    return parse_schedule(text, &fault).value();
}

/* A manager with one stream table, whose source is written to all the time: it is dirty again from the moment
 * of each refresh. */
struct Life {
    Queue queue;
    Microseconds now = 1000 * hour + 7 * s;
    Microseconds dirty_since = now;
    Microseconds refresh_takes = 0;
    std::vector<Microseconds> refreshed;

    explicit Life(const char *schedule) { queue.task(1).schedules = {parsed(schedule)}; }

    Task &task() { return queue.task(1); }

    void look()
    {
        (void)queue.notice_time(now);
        for (Id id : queue.idle()) {
            Task &task = *queue.find(id);
            if (std::optional<Microseconds> due = due_at(task, dirty_since, now, s, utc))
                queue.queue(task, *due);
        }
        for (Id id : queue.due(now)) {
            queue.make_idle(*queue.find(id));
            refreshed.push_back(now);
            queue.find(id)->refreshed_at = now;
            dirty_since = task().is_due_without_changes ? 0 : now;
            now += refresh_takes;
        }
    }
    void live(Microseconds span, Microseconds step = s)
    {
        for (Microseconds end = now + span; now < end; now += step)
            look();
    }
};

TEST(Time, due_times_do_not_drift)
{
    for (bool is_time_dependent : {false, true}) {
        Life life("30s");
        life.task().is_due_without_changes = is_time_dependent;
        life.dirty_since = is_time_dependent ? 0 : life.now;
        life.refresh_takes = 300'000;
        life.live(hour, 100'000);
        ASSERT_GE(life.refreshed.size(), 119u);
        for (size_t i = 1; i < life.refreshed.size(); i++) {
            EXPECT_LT(life.refreshed[i] % (30 * s), 500'000);
            EXPECT_EQ(life.refreshed[i] / (30 * s), life.refreshed[i - 1] / (30 * s) + 1);
        }
    }
}

TEST(Time, after_a_pause_one_refresh_catches_up)
{
    for (const char *schedule : {"30s", "* * * * *"}) {
        Life life(schedule);
        life.live(120 * s);
        life.now += 5 * hour; /* the manager did not run, or the clock was set forward */
        size_t before = life.refreshed.size();
        life.look();
        life.look();
        EXPECT_EQ(life.refreshed.size(), before + 1);
        life.live(25 * s, s);
        EXPECT_LE(life.refreshed.size(), before + 2);
    }
}

TEST(Time, a_clock_set_back_does_not_stop_refreshes)
{
    for (const char *schedule : {"30s", "* * * * *", "calculated"}) {
        for (bool is_time_dependent : {false, true}) {
            if (is_time_dependent && parsed(schedule).is_on_change())
                continue;
            Life life(schedule);
            life.task().is_due_without_changes = is_time_dependent;
            life.live(120 * s);
            life.now -= 3 * hour;
            size_t before = life.refreshed.size();
            life.live(150 * s);
            EXPECT_GE(life.refreshed.size(), before + 2) << schedule;
            if (!parsed(schedule).is_on_change())
                EXPECT_LE(life.refreshed.size(), before + 6) << schedule; /* there is no burst of refreshes */
        }
    }
}

TEST(Time, a_back_off_is_not_prolonged_by_a_clock_set_back)
{
    Life life("30s");
    life.task().failures = 1;
    life.task().not_before = life.now + s;
    life.now -= 3 * hour;
    life.live(700 * s);
    EXPECT_FALSE(life.refreshed.empty());
}

TEST(Time, the_end_of_a_back_off_in_another_time_is_forgotten)
{
    EXPECT_EQ(end_of_back_off(700 * s, 100 * s), 700 * s);
    EXPECT_EQ(end_of_back_off(700 * s, 99 * s), 99 * s);
    Queue queue;
    (void)queue.notice_time(hour);
    queue.task(1).not_before = hour + s;
    queue.task(2).not_before = 2 * s;
    EXPECT_TRUE(queue.notice_time(s));
    EXPECT_EQ(queue.find(1)->not_before, s);
    EXPECT_EQ(queue.find(2)->not_before, 2 * s);
}

TEST(Time, a_pause_ends_by_itself_or_with_a_clock_set_back)
{
    EXPECT_TRUE(is_pausing(100 * s, 100 * s, 2 * s));
    EXPECT_TRUE(is_pausing(102 * s - 1, 100 * s, 2 * s));
    EXPECT_FALSE(is_pausing(102 * s, 100 * s, 2 * s));
    EXPECT_FALSE(is_pausing(100 * s - 1, 100 * s, 2 * s));
    EXPECT_FALSE(is_pausing(100 * s, INT64_MIN, 2 * s));
}

TEST(Time, small_steps_back_are_no_news)
{
    Queue queue;
    EXPECT_FALSE(queue.notice_time(100 * s));
    queue.queue(queue.task(1), 200 * s);
    EXPECT_FALSE(queue.notice_time(100 * s - 1));
    EXPECT_TRUE(queue.find(1)->is_queued());
    EXPECT_TRUE(queue.notice_time(90 * s));
    EXPECT_TRUE(queue.find(1)->is_idle());
}

} // namespace
