#include "scheduler/queue.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

namespace {

/* The clock is considered set back only beyond this; small adjustments do no harm. */
constexpr Microseconds tolerated_us = second_us;

} // namespace

Task *Queue::find(Id id)
{
    auto found = tasks_.find(id);
    return found == tasks_.end() ? nullptr : &found->second;
}

Task &Queue::task(Id id)
{
    auto [place, is_new] = tasks_.try_emplace(id);
    Task &task = place->second;
    if (is_new) {
        task.id = id;
        make_idle(task);
    }
    return task;
}

void Queue::remove(Id id)
{
    Task *known = find(id);
    if (known == nullptr)
        return;
    take_out(*known);
    tasks_.erase(id);
}

Ids Queue::ids() const
{
    Ids result;
    for (const auto &[id, task] : tasks_)
        result.push_back(id);
    std::sort(result.begin(), result.end());
    return result;
}

/* Removes the task from its place; it is in none afterwards. */
void Queue::take_out(Task &task)
{
    idle_count_ -= task.is_idle();
    task.AutoUnlinkDue::unlink();
    task.AutoUnlinkIdle::unlink();
    task.is_suspended = false;
    task.is_running = false;
}

void Queue::make_idle(Task &task)
{
    if (task.is_idle())
        return;
    take_out(task);
    idle_.push_back(task);
    idle_count_++;
}

void Queue::queue(Task &task, Microseconds due_at)
{
    take_out(task);
    task.due_at = due_at;
    by_due_.insert(task);
}

void Queue::suspend(Task &task)
{
    take_out(task);
    task.is_suspended = true;
}

void Queue::start(Task &task)
{
    take_out(task);
    task.is_running = true;
}

Ids Queue::idle() const
{
    Ids result;
    for (const Task &task : idle_)
        result.push_back(task.id);
    return result;
}

std::optional<Microseconds> Queue::first_due_after(Microseconds now) const
{
    auto found = by_due_.upper_bound(now);
    if (found == by_due_.end())
        return std::nullopt;
    return found->due_at;
}

Ids Queue::due(Microseconds now) const
{
    Ids result;
    for (const Task &task : by_due_) {
        if (task.due_at > now)
            break;
        result.push_back(task.id);
    }
    return result;
}

bool Queue::notice_time(Microseconds now)
{
    bool was_set_back = now < noticed_ - tolerated_us;
    noticed_ = now;
    if (!was_set_back)
        return false;
    while (!by_due_.empty())
        make_idle(*by_due_.begin());
    for (auto &[id, task] : tasks_)
        task.not_before = end_of_back_off(task.not_before, now);
    return true;
}

Microseconds end_of_back_off(Microseconds remembered, Microseconds now)
{
    return remembered > now + longest_back_off_us ? now : remembered;
}

std::optional<Microseconds> due_at(const Task &task, Microseconds dirty_since, Microseconds now,
                                   Microseconds spacing_us, const Zone &zone)
{
    bool is_clean = dirty_since == 0;
    if (is_clean && !task.is_due_without_changes)
        return std::nullopt;
    /* A remembered time in the future was read from a clock that has been set back since. */
    Microseconds not_before = end_of_back_off(task.not_before, now);
    Microseconds refreshed_at = std::min(task.refreshed_at, now);
    bool is_unknown = dirty_since == INT64_MIN;
    if (task.is_unfilled || (is_unknown && refreshed_at == 0))
        return std::max(now, not_before);
    Microseconds after = is_clean     ? std::max(refreshed_at, not_before)
                         : is_unknown ? refreshed_at
                                      : std::min(dirty_since, now);
    /* A task whose time of change stays unknown is refreshed at this spacing at most. */
    Microseconds ready_at = is_unknown ? refreshed_at + spacing_us : std::min(task.throttle.until(), now + spacing_us);
    std::optional<Microseconds> due;
    auto take = [&](std::optional<Microseconds> at) {
        if (at && (!due || (task.waits_for_all ? *at > *due : *at < *due)))
            due = at;
    };
    for (const Schedule &schedule : task.schedules) {
        if (!schedule.is_on_change())
            take(next_due(schedule, after, zone));
        else if (!is_clean)
            take(std::max(after, ready_at));
    }
    if (task.schedules.empty() && !is_clean)
        take(std::max(after, ready_at));
    if (!due)
        return std::nullopt;
    const Microseconds after_empty = std::min(task.throttle.until_after_empty(), now + spacing_us);
    return std::max({*due, not_before, is_clean ? 0 : after_empty});
}

namespace {

/* Distributes similar values over all 64 bits (the finalizer of splitmix64). */
uint64_t scatter(uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

} // namespace

Microseconds back_off_us(Id id, int failures, Microseconds longest_us)
{
    if (failures <= 0)
        return 0;
    Microseconds longest = std::min(second_us << std::min(failures - 1, 10), longest_us);
    uint64_t chance = scatter(static_cast<uint64_t>(id) << 32 | static_cast<uint32_t>(failures));
    return longest - static_cast<Microseconds>(chance % static_cast<uint64_t>(longest / 4));
}

} // namespace pgtrickle::scheduler
