/*
 * Cron expressions of five fields, or six with the seconds first, or @hourly and similar abbreviations. A
 * field is a list of *, values, ranges and steps; months and weekdays may also be given by their English
 * abbreviations. If both day fields are restricted, either may match. Pure C++; faults are returned, not
 * thrown.
 */
#pragma once

#include "scheduler/time/schedule.hpp"

namespace pgtrickle::scheduler {

std::optional<Cron> parse_cron(std::string_view text, std::string *fault);

/* The first matching second later than `after`, where the fields are local time of `zone`; nothing if there
 * is none within eight years. A local time that does not exist because the clock is put forward matches when
 * the clock is put forward; a local time that exists twice matches the first time. An expression that matches
 * in every hour matches in every hour that passes. */
std::optional<Microseconds> next_cron(const Cron &cron, Microseconds after, const Zone &zone);

/* The shortest time between two matches, exact if it is less than `seconds`; otherwise any value that is not
 * less. */
int64_t shortest_gap_s(const Cron &cron, int64_t seconds);

} // namespace pgtrickle::scheduler
