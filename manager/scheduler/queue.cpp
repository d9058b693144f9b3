#include "scheduler/queue.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

Task *Queue::find(Id id)
{
    auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &*found;
}

Task &Queue::task(Id id)
{
    if (Task *known = find(id))
        return *known;
    tasks_.emplace_back();
    Cell &cell = tasks_.back();
    cell.place = std::prev(tasks_.end());
    cell.id = id;
    by_id_.insert(cell);
    idle_.push_back(cell);
    return cell;
}

void Queue::remove(Id id)
{
    if (Task *known = find(id))
        tasks_.erase(static_cast<Cell *>(known)->place);
}

Ids Queue::ids() const
{
    Ids result;
    for (const Task &task : by_id_)
        result.push_back(task.id);
    return result;
}

void Queue::make_idle(Task &task)
{
    task.AutoUnlinkDue::unlink();
    task.is_suspended = false;
    task.is_running = false;
    if (!task.is_idle())
        idle_.push_back(task);
}

void Queue::queue(Task &task, Microseconds due_at)
{
    task.AutoUnlinkDue::unlink();
    task.AutoUnlinkIdle::unlink();
    task.is_suspended = false;
    task.is_running = false;
    task.due_at = due_at;
    by_due_.insert(task);
}

void Queue::suspend(Task &task)
{
    task.AutoUnlinkDue::unlink();
    task.AutoUnlinkIdle::unlink();
    task.is_suspended = true;
    task.is_running = false;
}

void Queue::start(Task &task)
{
    task.AutoUnlinkDue::unlink();
    task.AutoUnlinkIdle::unlink();
    task.is_suspended = false;
    task.is_running = true;
}

Ids Queue::idle() const
{
    Ids result;
    for (const Task &task : idle_)
        result.push_back(task.id);
    return result;
}

std::optional<Microseconds> Queue::first_due() const
{
    if (by_due_.empty())
        return std::nullopt;
    return by_due_.begin()->due_at;
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

Ids Queue::take_due(Microseconds now)
{
    Ids taken;
    while (!by_due_.empty() && by_due_.begin()->due_at <= now) {
        Task &task = *by_due_.begin();
        make_idle(task);
        taken.push_back(task.id);
    }
    return taken;
}

std::optional<Microseconds> due_at(const Task &task, Microseconds dirty_since, Microseconds now,
                                   Microseconds spacing_us)
{
    bool is_clean = dirty_since == 0;
    if (is_clean && !task.is_due_when_clean)
        return std::nullopt;
    if (dirty_since == INT64_MIN)
        return std::max(now, task.not_before);
    Microseconds after = is_clean ? std::max(task.refreshed_at, task.not_before) : dirty_since;
    std::optional<Microseconds> due;
    auto take = [&](std::optional<Microseconds> at) {
        if (at && (!due || *at < *due))
            due = at;
    };
    for (const Schedule &schedule : task.schedules) {
        bool is_on_change = schedule.kind == Schedule::Kind::calculated ||
                            (schedule.kind == Schedule::Kind::duration && schedule.seconds == 0);
        if (!is_on_change)
            take(next_due(schedule, after));
        else if (!is_clean)
            take(std::max(after, task.refreshed_at + spacing_us));
    }
    if (task.schedules.empty() && !is_clean)
        take(std::max(after, task.refreshed_at + spacing_us));
    if (!due)
        return std::nullopt;
    return std::max(*due, task.not_before);
}

Microseconds back_off_us(int failures)
{
    constexpr Microseconds longest = 600 * second_us;
    if (failures <= 0)
        return 0;
    if (failures > 10)
        return longest;
    return std::min(longest, second_us << (failures - 1));
}

} // namespace pgtrickle::scheduler
