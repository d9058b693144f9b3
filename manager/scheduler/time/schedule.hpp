/*
 * When a stream table is due: a duration, a cron expression, or `calculated`.
 *
 * Times are microseconds since 2000-01-01 00:00 UTC, as TimestampTz. No clock is read here: `now` is an
 * argument, and so is the time zone of the cron fields. Pure C++.
 */
#pragma once

#include "scheduler/time/zone.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgtrickle::scheduler {

/* Sets of minutes, hours …, as bits. */
struct Cron {
    uint64_t seconds = 1; /* 0–59; second 0 with five fields */
    uint64_t minutes = 0; /* 0–59 */
    uint32_t hours = 0;   /* 0–23 */
    uint32_t days = 0;    /* 1–31 */
    uint16_t months = 0;  /* 1–12 */
    uint8_t weekdays = 0; /* 0–6, Sunday is 0 */
    bool any_day = false; /* the day field is *; if both fields are restricted, either may match */
    bool any_weekday = false;
    bool operator==(const Cron &) const = default;
};

struct Schedule {
    enum class Kind {
        calculated, /* the tightest schedule of its dependents, or on change */
        duration,
        cron,
    } kind = Kind::calculated;
    int64_t seconds = 0; /* of a duration; 0: always fresh on read */
    Cron cron;
    int every = 1; /* of a cron expression: only every n-th due time counts, from the first change on */
    bool operator==(const Schedule &) const = default;

    /* No change may be missing at a read. */
    bool is_always_fresh() const { return kind == Kind::duration && seconds == 0; }
    /* Has no times of its own: due as soon as there is a change, and never without one. */
    bool is_on_change() const { return kind == Kind::calculated || is_always_fresh(); }
    /* The shortest time in seconds between two due times, exact if it is less than `below`; INT64_MAX if the
     * schedule has no times of its own. Costs a search for a cron expression. */
    int64_t shortest_interval_s(int64_t below) const;
};

/* The schedule `0s`. */
inline Schedule always_fresh()
{
    return {.kind = Schedule::Kind::duration, .seconds = 0, .cron = {}, .every = 1};
}

/* Parses `text`. On failure returns nothing, and `fault` is a phrase that says what is wrong with `text`
 * (lower case, no full stop: to be used as a DETAIL with its first letter raised, or in "invalid argument:
 * …"). Durations are whole seconds (`30`), or numbers with the units s m h d w in descending order (`1h30m`),
 * at most ten years. */
std::optional<Schedule> parse_schedule(std::string_view text, std::string *fault);
/* Parses durations only, for parse_duration_seconds and max_staleness. */
std::optional<int64_t> parse_duration_seconds(std::string_view text, std::string *fault);

/* The first time later than `after` at which the schedule is due. Durations are due on a grid (multiples of
 * the duration since the epoch), so that stream tables of one schedule are due together and none drifts; a
 * schedule that is due on change only is due at once: `after`. Nothing if a cron expression does not match
 * within eight years (30 February). */
std::optional<Microseconds> next_due(const Schedule &schedule, Microseconds after, const Zone &zone);

/* Whether a reader must wait for a refresh at `now` if changes are missing since `dirty_since` (INT64_MIN:
 * the time is unknown): the staleness exceeds the duration, or a due time of the cron expression lies in
 * (dirty_since, now]; never for `calculated`. If a reader must wait, the manager is already about to refresh:
 * next_due() of dirty_since is not later than `now`. */
bool is_due_for_reader(const Schedule &schedule, Microseconds dirty_since, Microseconds now, const Zone &zone);

} // namespace pgtrickle::scheduler
