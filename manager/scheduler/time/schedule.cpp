#include "scheduler/time/schedule.hpp"

#include "scheduler/time/cron.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

namespace {

constexpr int64_t longest_s = int64_t{10} * 366 * 86400;

struct Unit {
    char letter;
    int64_t seconds;
};

constexpr Unit units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

/* Units are accepted in any case, as in intervals. */
char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text)
{
    size_t first = text.find_first_not_of(" \t\n\r");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
}

/* Removes the number at the beginning of `text` and returns it; longest_s + 1 if it is greater than
 * longest_s. */
int64_t take_number(std::string_view *text)
{
    int64_t number = 0;
    while (!text->empty() && is_digit(text->front())) {
        number = std::min(number * 10 + (text->front() - '0'), longest_s + 1);
        text->remove_prefix(1);
    }
    return number;
}

std::optional<int64_t> refuse(std::string *fault, const char *why)
{
    *fault = why;
    return std::nullopt;
}

} // namespace

std::optional<int64_t> parse_duration_seconds(std::string_view written, std::string *fault)
{
    std::string_view text = trim(written);
    if (text.empty())
        return refuse(fault, "a duration is empty");
    if (text.front() == '-')
        return refuse(fault, "a duration cannot be negative");
    if (text.find('.') != std::string_view::npos)
        return refuse(fault, "durations are whole seconds");
    int64_t total = 0;
    const Unit *unit = std::begin(units);
    while (!text.empty()) {
        if (!is_digit(text.front()))
            return refuse(fault, "a duration is a number with the unit s, m, h, d or w, or several from the largest "
                                 "unit to the smallest");
        int64_t number = take_number(&text);
        bool is_plain = text.empty() && total == 0 && unit == std::begin(units);
        char letter = is_plain ? 's' : text.empty() ? ' ' : lower(text.front());
        unit = std::find_if(unit, std::end(units), [&](const Unit &u) { return u.letter == letter; });
        if (unit == std::end(units))
            return refuse(fault, "a duration is a number with the unit s, m, h, d or w, or several from the largest "
                                 "unit to the smallest");
        total += number * unit->seconds;
        if (total > longest_s)
            return refuse(fault, "a duration is at most ten years");
        if (!text.empty())
            text.remove_prefix(1);
        ++unit;
    }
    return total;
}

std::optional<Schedule> parse_schedule(std::string_view written, std::string *fault)
{
    std::string_view text = trim(written);
    Schedule schedule;
    if (std::ranges::equal(text, std::string_view("calculated"), {}, lower))
        return schedule;
    bool is_cron = text.find_first_of(" \t*@") != std::string_view::npos;
    if (is_cron) {
        std::optional<Cron> cron = parse_cron(text, fault);
        if (!cron)
            return std::nullopt;
        if (!next_cron(*cron, 0, utc)) {
            *fault = "no date matches the cron expression";
            return std::nullopt;
        }
        schedule.kind = Schedule::Kind::cron;
        schedule.cron = *cron;
        return schedule;
    }
    std::optional<int64_t> seconds = parse_duration_seconds(text, fault);
    if (!seconds)
        return std::nullopt;
    schedule.kind = Schedule::Kind::duration;
    schedule.seconds = *seconds;
    return schedule;
}

int64_t Schedule::shortest_interval_s(int64_t below) const
{
    if (is_on_change())
        return INT64_MAX;
    return kind == Kind::cron ? shortest_gap_s(cron, below) : seconds;
}

std::optional<Microseconds> next_due(const Schedule &schedule, Microseconds after, const Zone &zone)
{
    if (schedule.is_on_change())
        return after;
    if (schedule.kind == Schedule::Kind::cron) {
        std::optional<Microseconds> due = next_cron(schedule.cron, after, zone);
        for (int i = 1; i < schedule.every && due; i++)
            due = next_cron(schedule.cron, *due, zone);
        return due;
    }
    Microseconds step = schedule.seconds * second_us;
    Microseconds elapsed = ((after % step) + step) % step;
    return after - elapsed + step;
}

bool is_due_for_reader(const Schedule &schedule, Microseconds dirty_since, Microseconds now, const Zone &zone)
{
    if (schedule.kind == Schedule::Kind::calculated)
        return false;
    if (schedule.is_always_fresh() || dirty_since == INT64_MIN)
        return true;
    if (schedule.kind == Schedule::Kind::duration)
        return now - dirty_since > schedule.seconds * second_us;
    std::optional<Microseconds> due = next_due(schedule, dirty_since, zone);
    return due && *due <= now;
}

} // namespace pgtrickle::scheduler
