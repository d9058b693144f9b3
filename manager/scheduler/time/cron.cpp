/*
 * Cron expressions.
 *
 * A field is a set of bits. The next match is found from the coarsest field to the finest: a day whose month,
 * day and weekday match; in it the first hour, minute and second not before the given time. Days are stepped
 * one by one (at most eight years: the next 29 February may be that far when a century lies in between), the
 * finer fields by their bits.
 */
#include "scheduler/time/cron.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <chrono>
#include <vector>

namespace pgtrickle::scheduler {

namespace {

struct Field {
    const char *name;
    int lowest;
    int highest;
    const char *words; /* three letters for each value, from the lowest on */
};

constexpr uint32_t every_hour = (1u << 24) - 1;

constexpr Field second_field = {"second", 0, 59, ""};
constexpr Field minute_field = {"minute", 0, 59, ""};
constexpr Field hour_field = {"hour", 0, 23, ""};
constexpr Field day_field = {"day of month", 1, 31, ""};
constexpr Field month_field = {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"};
constexpr Field weekday_field = {"day of week", 0, 7, "sunmontuewedthufrisat"};

struct Alias {
    std::string_view name;
    std::string_view meaning;
};

constexpr std::array<Alias, 8> aliases = {{{"@yearly", "0 0 1 1 *"},
                                           {"@annually", "0 0 1 1 *"},
                                           {"@monthly", "0 0 1 * *"},
                                           {"@weekly", "0 0 * * 0"},
                                           {"@daily", "0 0 * * *"},
                                           {"@midnight", "0 0 * * *"},
                                           {"@hourly", "0 * * * *"},
                                           {"@minutely", "* * * * *"}}};

std::string lower(std::string_view text)
{
    std::string result(text);
    for (char &c : result)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

std::optional<int> parse_number(std::string_view text)
{
    if (text.empty() || text.size() > 4)
        return std::nullopt;
    int value = 0;
    for (char c : text) {
        if (c < '0' || c > '9')
            return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

std::optional<int> parse_value(std::string_view text, const Field &field)
{
    std::optional<int> value = parse_number(text);
    std::string_view words = field.words;
    if (!value && text.size() == 3) {
        for (size_t i = 0; i < words.size(); i += 3) {
            if (words.substr(i, 3) == text)
                value = field.lowest + static_cast<int>(i / 3);
        }
    }
    if (!value || *value < field.lowest || *value > field.highest)
        return std::nullopt;
    return value;
}

/* Adds one member of the list: *, a or a-b, each with an optional /step. */
bool add_member(std::string_view member, const Field &field, uint64_t *bits)
{
    int step = 1;
    size_t slash = member.find('/');
    if (slash != std::string_view::npos) {
        std::optional<int> parsed = parse_number(member.substr(slash + 1));
        if (!parsed || *parsed < 1)
            return false;
        step = *parsed;
        member = member.substr(0, slash);
    }
    std::optional<int> first = field.lowest;
    std::optional<int> last = field.highest;
    size_t dash = member.find('-');
    if (dash != std::string_view::npos) {
        first = parse_value(member.substr(0, dash), field);
        last = parse_value(member.substr(dash + 1), field);
    } else if (member != "*" && member != "?") {
        first = parse_value(member, field);
        last = slash == std::string_view::npos ? first : field.highest;
    }
    if (&field == &weekday_field && first && last == 0 && *first > 0)
        last = 7; /* as in fri-sun */
    if (!first || !last || *first > *last)
        return false;
    for (int value = *first; value <= *last; value += step)
        *bits |= uint64_t{1} << value;
    return true;
}

std::optional<uint64_t> parse_field(std::string_view text, const Field &field, std::string *fault)
{
    uint64_t bits = 0;
    std::string_view rest = text;
    bool has_more = true;
    while (has_more) {
        size_t comma = rest.find(',');
        has_more = comma != std::string_view::npos;
        if (!add_member(rest.substr(0, comma), field, &bits)) {
            *fault = "the cron field \"" + std::string(text) + "\" is not a " + field.name + " (" +
                     std::to_string(field.lowest) + " to " + std::to_string(field.highest) + ")";
            return std::nullopt;
        }
        rest = has_more ? rest.substr(comma + 1) : std::string_view();
    }
    return bits;
}

std::vector<std::string_view> split(std::string_view text)
{
    std::vector<std::string_view> fields;
    size_t at = 0;
    while ((at = text.find_first_not_of(" \t", at)) != std::string_view::npos) {
        size_t end = std::min(text.find_first_of(" \t", at), text.size());
        fields.push_back(text.substr(at, end - at));
        at = end;
    }
    return fields;
}

using Days = std::chrono::sys_days;

/* 2000-01-01, where Microseconds begin. */
constexpr Days epoch = std::chrono::year(2000) / std::chrono::January / 1;

bool matches_day(const Cron &cron, Days day)
{
    const std::chrono::year_month_day date(day);
    if ((cron.months >> static_cast<unsigned>(date.month()) & 1) == 0)
        return false;
    bool is_day = (cron.days >> static_cast<unsigned>(date.day()) & 1) != 0;
    bool is_weekday = (cron.weekdays >> std::chrono::weekday(day).c_encoding() & 1) != 0;
    if (cron.any_day || cron.any_weekday)
        return is_day && is_weekday;
    return is_day || is_weekday;
}

/* The lowest set bit that is not below `from`; -1 if there is none. */
int next_bit(uint64_t bits, int from)
{
    if (from > 63)
        return -1;
    uint64_t rest = bits >> from << from;
    return rest == 0 ? -1 : std::countr_zero(rest);
}

/* The first matching second of the day that is not before `from`; -1 if there is none. */
int64_t next_second(const Cron &cron, int64_t from)
{
    int hour = static_cast<int>(from / 3600);
    int minute = static_cast<int>(from / 60 % 60);
    int second = static_cast<int>(from % 60);
    for (int h = next_bit(cron.hours, hour); h >= 0; h = next_bit(cron.hours, h + 1)) {
        int first_minute = h == hour ? minute : 0;
        for (int m = next_bit(cron.minutes, first_minute); m >= 0; m = next_bit(cron.minutes, m + 1)) {
            int s = next_bit(cron.seconds, h == hour && m == minute ? second : 0);
            if (s >= 0)
                return h * 3600 + m * 60 + s;
        }
    }
    return -1;
}

/* The first matching local time that is not before `from`; nothing if there is none within eight years. */
std::optional<Microseconds> first_match(const Cron &cron, Microseconds from)
{
    constexpr std::chrono::days searched_days{8 * 366 + 1};
    const auto from_s = std::chrono::ceil<std::chrono::seconds>(std::chrono::microseconds(from));
    const Days first_day = epoch + std::chrono::floor<std::chrono::days>(from_s);
    int64_t second = (epoch + from_s - first_day).count();
    for (Days day = first_day; day <= first_day + searched_days; day += std::chrono::days(1), second = 0) {
        if (!matches_day(cron, day))
            continue;
        int64_t found = next_second(cron, second);
        if (found >= 0)
            return std::chrono::microseconds(day - epoch + std::chrono::seconds(found)).count();
    }
    return std::nullopt;
}

/* first_match() with a memory of the last result: for ascending times it searches each match once. */
class Matches {
  public:
    explicit Matches(const Cron &cron) : cron_(cron) {}
    /* INT64_MAX if there is none. */
    Microseconds first(Microseconds from)
    {
        bool is_known = from >= searched_from_ && from <= found_;
        if (!is_known) {
            found_ = first_match(cron_, from).value_or(INT64_MAX);
            searched_from_ = from;
        }
        return found_;
    }

  private:
    const Cron &cron_;
    Microseconds searched_from_ = 1;
    Microseconds found_ = 0; /* less than searched_from_: no result yet */
};

} // namespace

std::optional<Cron> parse_cron(std::string_view written, std::string *fault)
{
    std::string text = lower(written);
    for (const Alias &alias : aliases) {
        if (text == alias.name)
            text = alias.meaning;
    }
    if (!text.empty() && text[0] == '@') {
        *fault = "unknown abbreviation of a cron expression";
        return std::nullopt;
    }
    std::vector<std::string_view> fields = split(text);
    if (fields.size() != 5 && fields.size() != 6) {
        *fault = "a cron expression has 5 or 6 fields";
        return std::nullopt;
    }
    size_t first = fields.size() - 5;
    Cron cron;
    std::array<uint64_t, 6> bits = {1, 0, 0, 0, 0, 0};
    constexpr std::array<const Field *, 6> kinds = {&second_field, &minute_field, &hour_field,
                                                    &day_field,    &month_field,  &weekday_field};
    for (size_t i = 0; i < fields.size(); i++) {
        std::optional<uint64_t> parsed = parse_field(fields[i], *kinds[i + 1 - first], fault);
        if (!parsed)
            return std::nullopt;
        bits[i + 1 - first] = *parsed;
    }
    cron.seconds = bits[0];
    cron.minutes = bits[1];
    cron.hours = static_cast<uint32_t>(bits[2]);
    cron.days = static_cast<uint32_t>(bits[3]);
    cron.months = static_cast<uint16_t>(bits[4]);
    cron.weekdays = static_cast<uint8_t>((bits[5] | bits[5] >> 7) & 0x7f); /* 7 is also Sunday */
    cron.any_day = fields[first + 2][0] == '*' || fields[first + 2][0] == '?';
    cron.any_weekday = fields[first + 4][0] == '*' || fields[first + 4][0] == '?';
    return cron;
}

std::optional<Microseconds> next_cron(const Cron &cron, Microseconds after, const Zone &zone)
{
    constexpr int most_spans = 64; /* more than a zone has in eight years */
    constexpr Microseconds longest_shift = 27 * 3600 * second_us;
    Matches matches(cron);
    const bool is_hourly = cron.hours == every_hour;
    /* Begins with an earlier local time: a shift may lie between then and `after`. */
    Microseconds begin = after - longest_shift;
    Zone::Span span = zone.span_at(begin);
    Microseconds passed = begin + span.offset; /* earlier local times have passed */
    for (int i = 0; i < most_spans; i++) {
        Microseconds first_local = begin + span.offset;
        Microseconds end_local = span.until == INT64_MAX ? INT64_MAX : span.until + span.offset;
        /* Local times that are skipped by a shift match at its end, together once. */
        if (!is_hourly && first_local > passed && begin > after && matches.first(passed) < first_local)
            return begin;
        Microseconds from = is_hourly ? first_local : std::max(first_local, passed);
        from = std::max(from, after + span.offset + 1);
        Microseconds found = matches.first(from);
        if (found < end_local)
            return found - span.offset;
        if (span.until == INT64_MAX)
            return std::nullopt;
        passed = std::max(passed, end_local);
        begin = span.until;
        span = zone.span_at(begin);
    }
    return std::nullopt;
}

int64_t shortest_gap_s(const Cron &cron, int64_t seconds)
{
    /* Within these days and matches, any two matches that can follow each other have done so: those within a
     * day, and the last and the first of two days. */
    constexpr int most_steps = 100'000;
    constexpr Microseconds searched = 400 * 86400 * second_us;
    Matches matches(cron);
    int64_t shortest = INT64_MAX;
    const Microseconds first = matches.first(0);
    Microseconds last = first;
    for (int i = 0; i < most_steps && shortest >= seconds && last - first < searched; i++) {
        Microseconds next = matches.first(last + 1);
        if (next == INT64_MAX)
            break;
        shortest = std::min(shortest, (next - last) / second_us);
        last = next;
    }
    return shortest;
}

} // namespace pgtrickle::scheduler
