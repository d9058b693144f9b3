/*
 * When a stream table is due: a duration, a cron expression, or `calculated`.
 *
 * Times are microseconds since 2000-01-01 00:00 UTC, as TimestampTz. No clock is read
 * here: `now` is an argument, and so is the time zone in whose local time cron fields are.
 * Pure C++: nothing of PostgreSQL.
 */
#pragma once

#include "scheduler/time/zone.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgtrickle::scheduler {

/* A set of minutes, hours … as bits. */
struct Cron {
    uint64_t seconds = 1; /* 0–59; second 0 with five fields */
    uint64_t minutes = 0; /* 0–59 */
    uint32_t hours = 0;   /* 0–23 */
    uint32_t days = 0;    /* 1–31 */
    uint16_t months = 0;  /* 1–12 */
    uint8_t weekdays = 0; /* 0–6, Sunday is 0 */
    bool any_day = false; /* the day field is *, the weekday field is *: if neither, either may match */
    bool any_weekday = false;
    bool operator==(const Cron &) const = default;
};

struct Schedule {
    enum class Kind {
        calculated, /* the tightest schedule of its dependents, else on change */
        duration,
        cron,
    } kind = Kind::calculated;
    int64_t seconds = 0; /* duration; 0: always fresh on read */
    Cron cron;
    int every = 1; /* of the due times of a cron expression: each so-manieth counts, from the first change on */
    bool operator==(const Schedule &) const = default;

    /* Nothing may be missing at a read. */
    bool is_always_fresh() const { return kind == Kind::duration && seconds == 0; }
    /* No time of its own: due as soon as there is a change, and never without one. */
    bool is_on_change() const { return kind == Kind::calculated || is_always_fresh(); }
    /* How often it may come due, in seconds; INT64_MAX if that is not for it to say. Costs a search
     * for a cron expression. */
    int64_t shortest_interval_s(int64_t below) const;
};

/* The schedule, or nothing with `fault` saying in a phrase what is wrong with `text`
 * (lower case, no full stop: to be used as a DETAIL after its first letter is raised, or in
 * "invalid argument: …"). Durations: whole seconds `30`, or numbers with the units
 * s m h d w in descending order (`1h30m`), at most 10 years. */
std::optional<Schedule> parse_schedule(std::string_view text, std::string *fault);
/* Only durations: what parse_duration_seconds and max_staleness take. */
std::optional<int64_t> parse_duration_seconds(std::string_view text, std::string *fault);

/* The first time > `after` at which a schedule comes due. Durations come due on a grid
 * (multiples of the duration since the epoch), so that stream tables of one schedule come due together
 * and none drifts; one that is due on change only is due at once: `after`. Nothing if a cron expression never
 * matches (30 February) within 8 years. */
std::optional<Microseconds> next_due(const Schedule &schedule, Microseconds after, const Zone &zone);

/* Whether a reader has to wait for a refresh at `now` if something is missing since `dirty_since`
 * (INT64_MIN: since nobody knows when): the staleness exceeds the duration; a cron due time lies in
 * (dirty_since, now]; calculated: never. Whoever has to wait finds the manager at it: next_due() of
 * dirty_since is not after `now`. */
bool is_due_for_reader(const Schedule &schedule, Microseconds dirty_since, Microseconds now, const Zone &zone);

} // namespace pgtrickle::scheduler
