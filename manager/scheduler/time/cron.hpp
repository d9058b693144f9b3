/*
 * Cron expressions of five fields, or six with the seconds first, or @hourly and its kin.
 * Fields: lists of *, values, ranges and steps; months and weekdays also by their English
 * abbreviations. If both day fields are restricted, either may match. Values, no errors.
 */
#pragma once

#include "scheduler/time/schedule.hpp"

namespace pgtrickle::scheduler {

std::optional<Cron> parse_cron(std::string_view text, std::string *fault);

/* The first matching second > `after`, the fields being local time of `zone`; nothing within eight
 * years, nothing. A local time that does not exist, because the clock is put forward over it,
 * comes when the clock has been; one that exists twice comes the first time. An expression that
 * matches in every hour matches in every hour that passes. */
std::optional<Microseconds> next_cron(const Cron &cron, Microseconds after, const Zone &zone);

/* The shortest time between two matches, as far as it is below `seconds`: else any that is not. */
int64_t shortest_gap_s(const Cron &cron, int64_t seconds);

} // namespace pgtrickle::scheduler
