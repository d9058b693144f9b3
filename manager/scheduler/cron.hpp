/*
 * Cron expressions of five fields, or six with the seconds first, or @hourly and its kin.
 * Fields: lists of *, values, ranges and steps; months and weekdays also by their English
 * abbreviations. If both day fields are restricted, either may match. Values, no errors.
 */
#pragma once

#include "scheduler/schedule.hpp"

namespace pgtrickle::scheduler {

std::optional<Cron> parse_cron(std::string_view text, std::string *fault);

/* The first matching second > `after`, in the time zone `after` is given in. */
std::optional<Microseconds> next_cron(const Cron &cron, Microseconds after);

} // namespace pgtrickle::scheduler
