#include "scheduler/queue.hpp"
#include "seed.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

using namespace pgtrickle::scheduler;

namespace {

constexpr Microseconds s = second_us;

Schedule every(int64_t seconds)
{
    Schedule schedule;
    schedule.kind = Schedule::Kind::duration;
    schedule.seconds = seconds;
    return schedule;
}

Ids take_due(Queue &queue, Microseconds now)
{
    const Ids due = queue.due(now);
    for (Id id : due)
        queue.make_idle(queue.task(id));
    return due;
}

TEST(Queue, takes_the_due_ones_earliest_first)
{
    Queue queue;
    queue.queue(queue.task(1), 30);
    queue.queue(queue.task(2), 10);
    queue.queue(queue.task(3), 20);
    EXPECT_EQ(queue.first_due_after(0), 10);
    EXPECT_EQ(take_due(queue, 5), Ids{});
    EXPECT_EQ(take_due(queue, 20), (Ids{2, 3}));
    EXPECT_EQ(queue.first_due_after(0), 30);
    EXPECT_EQ(queue.idle(), (Ids{2, 3}));
}

TEST(Queue, moves_a_task_that_is_queued_again)
{
    Queue queue;
    queue.queue(queue.task(1), 30);
    queue.queue(queue.task(1), 5);
    EXPECT_EQ(take_due(queue, 100), Ids{1});
    EXPECT_EQ(take_due(queue, 100), Ids{});
}

TEST(Queue, suspended_tasks_are_neither_idle_nor_due)
{
    Queue queue;
    queue.queue(queue.task(1), 1);
    queue.suspend(queue.task(1));
    EXPECT_EQ(queue.first_due_after(0), std::nullopt);
    EXPECT_EQ(queue.idle(), Ids{});
    queue.make_idle(queue.task(1));
    EXPECT_EQ(queue.idle(), Ids{1});
}

TEST(Queue, a_running_task_is_nowhere_else)
{
    Queue queue;
    queue.queue(queue.task(1), 1);
    queue.queue(queue.task(2), 3);
    queue.queue(queue.task(3), 2);
    EXPECT_EQ(queue.due(2), (Ids{1, 3}));
    queue.start(queue.task(1));
    EXPECT_TRUE(queue.task(1).is_running);
    EXPECT_EQ(queue.due(2), Ids{3});
    EXPECT_EQ(queue.idle(), Ids{});
    EXPECT_EQ(queue.first_due_after(2), 3);
    EXPECT_EQ(queue.first_due_after(3), std::nullopt);
    queue.make_idle(queue.task(1));
    EXPECT_FALSE(queue.task(1).is_running);
    EXPECT_EQ(queue.idle(), Ids{1});
}

TEST(Queue, knows_whether_every_one_is_idle)
{
    Queue queue;
    EXPECT_TRUE(queue.all_idle());
    std::mt19937 random(seed_of(4));
    for (int i = 0; i < 10000; i++) {
        Id id = random() % 4;
        switch (random() % 7) {
        case 0: queue.queue(queue.task(id), random() % 100); break;
        case 1: queue.suspend(queue.task(id)); break;
        case 2: queue.start(queue.task(id)); break;
        case 3: queue.remove(id); break;
        case 4: (void)take_due(queue, random() % 100); break;
        default: queue.make_idle(queue.task(id)); break;
        }
        bool is_every_one = true;
        for (Id known : queue.ids())
            is_every_one = is_every_one && queue.find(known)->is_idle();
        ASSERT_EQ(queue.all_idle(), is_every_one);
        ASSERT_EQ(queue.idle().size() == queue.ids().size(), is_every_one);
    }
}

TEST(Queue, forgets_removed_tasks_wherever_they_are)
{
    Queue queue;
    queue.queue(queue.task(1), 1);
    queue.task(2);
    queue.suspend(queue.task(3));
    queue.remove(1);
    queue.remove(2);
    queue.remove(3);
    queue.remove(4);
    EXPECT_EQ(queue.ids(), Ids{});
    EXPECT_EQ(queue.first_due_after(0), std::nullopt);
}

TEST(Due, a_clean_one_is_not_due)
{
    Task task;
    task.schedules = {every(30)};
    EXPECT_EQ(due_at(task, 0, 100 * s, s, utc), std::nullopt);
}

TEST(Due, a_volatile_one_is_due_although_clean)
{
    Task task;
    task.schedules = {every(30)};
    task.is_due_without_changes = true;
    task.refreshed_at = 60 * s;
    EXPECT_EQ(due_at(task, 0, 61 * s, s, utc), 90 * s);
    task.schedules = {};
    EXPECT_EQ(due_at(task, 0, 61 * s, s, utc), std::nullopt); /* on change only */
}

TEST(Due, a_change_is_taken_in_before_it_is_older_than_the_interval)
{
    Task task;
    task.schedules = {every(30)};
    EXPECT_EQ(due_at(task, 61 * s, 62 * s, s, utc), 90 * s);
    EXPECT_EQ(due_at(task, 61 * s, 200 * s, s, utc), 90 * s); /* overdue: at once */
}

TEST(Due, one_that_nobody_knows_is_due_at_once)
{
    Task task;
    task.schedules = {every(30)};
    EXPECT_EQ(due_at(task, INT64_MIN, 61 * s, s, utc), 61 * s);
    task.not_before = 70 * s;
    EXPECT_EQ(due_at(task, INT64_MIN, 61 * s, s, utc), 70 * s);
}

TEST(Due, one_that_nobody_knows_is_not_refreshed_over_and_over)
{
    Task task;
    task.schedules = {every(30)};
    task.refreshed_at = 60 * s;
    EXPECT_EQ(due_at(task, INT64_MIN, 61 * s, s, utc), 90 * s);
    task.schedules = {};
    EXPECT_EQ(due_at(task, INT64_MIN, 60 * s + 1, s, utc), 61 * s);
}

TEST(Due, one_without_rows_is_due_at_once)
{
    Task task;
    task.schedules = {every(30)};
    task.refreshed_at = 60 * s;
    task.is_unfilled = true;
    EXPECT_EQ(due_at(task, 61 * s, 62 * s, s, utc), 62 * s);
    task.not_before = 70 * s;
    EXPECT_EQ(due_at(task, 61 * s, 62 * s, s, utc), 70 * s);
    EXPECT_EQ(due_at(task, 0, 100 * s, s, utc), std::nullopt);
}

TEST(Due, without_schedule_on_change_but_rested)
{
    Task task;
    task.refreshed_at = 60 * s;
    EXPECT_EQ(due_at(task, 60 * s + 1, 60 * s + 2, s, utc), 60 * s + 1);
    task.throttle.record_refresh(s / 100, 1000, 60 * s, s);
    EXPECT_GT(task.throttle.until(), 60 * s + 2);
    EXPECT_EQ(due_at(task, 60 * s + 1, 60 * s + 2, s, utc), task.throttle.until());
    EXPECT_EQ(due_at(task, 80 * s, 80 * s, s, utc), 80 * s);
    EXPECT_EQ(due_at(task, 10 * s, 10 * s, s, utc),
              10 * s + s); /* the clock was set back: the wait is limited to this */
}

TEST(Due, one_refreshed_in_vain_is_not_refreshed_over_and_over)
{
    Task task;
    task.schedules = {every(1)};
    task.refreshed_at = 70 * s;
    for (int i = 0; i < 20; i++)
        task.throttle.record_empty_refresh(70 * s, s);
    EXPECT_EQ(due_at(task, 60 * s, 70 * s, s, utc), 71 * s);
    EXPECT_EQ(due_at(task, 0, 70 * s, s, utc), std::nullopt);
    EXPECT_EQ(due_at(task, 20 * s, 20 * s, s, utc), 21 * s); /* the clock was set back: the wait is limited to this */
    task.throttle.record_refresh(0, 1, 71 * s, s);
    EXPECT_EQ(due_at(task, 60 * s, 72 * s, s, utc), 61 * s);
}

TEST(Due, back_off_puts_it_off)
{
    Task task;
    task.schedules = {every(1)};
    task.not_before = 75 * s;
    EXPECT_EQ(due_at(task, 61 * s, 62 * s, s, utc), 75 * s);
}

TEST(Queue, failing_tasks_wait_longer_and_longer)
{
    EXPECT_EQ(back_off_us(7, 0), 0);
    for (Id id = 1; id < 100; id++) {
        for (int failures = 1; failures < 1000; failures++) {
            Microseconds longest = failures < 11 ? std::min(s << (failures - 1), 600 * s) : 600 * s;
            EXPECT_LE(back_off_us(id, failures), longest);
            EXPECT_GT(back_off_us(id, failures), longest * 3 / 4);
            EXPECT_EQ(back_off_us(id, failures), back_off_us(id, failures));
            EXPECT_LE(back_off_us(id, failures, 60 * s), std::min(longest, 60 * s));
            EXPECT_GT(back_off_us(id, failures, 60 * s), std::min(longest, 60 * s) * 3 / 4);
        }
    }
}

TEST(Queue, those_that_failed_together_come_back_apart)
{
    for (int failures : {1, 2, 20}) {
        std::set<Microseconds> parts; /* tenths of the last quarter of the delay */
        Microseconds longest = std::min(s << (std::min(failures, 12) - 1), 600 * s);
        for (Id id = 16384; id < 16484; id++)
            parts.insert((longest - back_off_us(id, failures)) * 40 / longest);
        EXPECT_EQ(parts.size(), 10u) << "a hundred neighbours are in all tenths";
    }
}

TEST(Due, one_that_waits_for_all_is_due_when_the_last_schedule_is)
{
    Task task;
    task.schedules = {every(30), every(7)};
    EXPECT_EQ(due_at(task, 61 * s, 62 * s, s, utc), 63 * s);
    task.waits_for_all = true;
    EXPECT_EQ(due_at(task, 61 * s, 62 * s, s, utc), 90 * s);
}

} // namespace
