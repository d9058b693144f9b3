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

constexpr const char *form_of_duration =
    "a duration is a number of seconds, or numbers with the units w, d, h, m and s, from the largest unit to the "
    "smallest";

constexpr Unit units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

/* Units are accepted in any case, as in intervals. */
char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr std::string_view blanks = " \t\n\r";

bool is_blank(char c)
{
    return blanks.find(c) != std::string_view::npos;
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text)
{
    size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/* Whether `text` is meant as a cron expression. A text such as "5 minutes" is not: it has too few fields. */
bool is_cron_expression(std::string_view text)
{
    int fields = 0;
    for (size_t i = 0; i < text.size(); i++)
        fields += is_blank(text[i]) && !is_blank(text[i - 1]);
    return text.find_first_of("*@") != std::string_view::npos || fields + 1 >= 5;
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
            return refuse(fault, form_of_duration);
        int64_t number = take_number(&text);
        bool is_plain = text.empty() && total == 0 && unit == std::begin(units);
        char letter = is_plain ? 's' : text.empty() ? ' ' : lower(text.front());
        unit = std::find_if(unit, std::end(units), [&](const Unit &u) { return u.letter == letter; });
        if (unit == std::end(units))
            return refuse(fault, form_of_duration);
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
    if (is_cron_expression(text)) {
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
