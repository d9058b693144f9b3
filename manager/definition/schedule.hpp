/*
 * How fresh a stream table is kept, as its definition says it.
 *
 *   30s  5m  1h30m  2d  90     a duration in whole seconds: no read is staler than this
 *   0s                         always fresh: each read takes in everything committed
 *   5 or 6 cron fields, @hourly …   at these times (the sixth, leading field: seconds)
 *   calculated                 as its dependents need it, else on change
 *
 * Everything here is pure C++ and works on text; errors are values.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgtrickle {

struct Schedule {
    enum class Kind { duration, cron, calculated };
    Kind kind = Kind::calculated;
    int64_t seconds = 0;  /* of a duration */
    std::string cron;     /* the expression as written, fields separated by one space */
};

/* Seconds of a duration such as 1h30m, or nothing if `text` is not one. Units: s m h d w;
 * a bare number is seconds. No sign, no fraction; at most ten years. */
std::optional<int64_t> parse_duration(std::string_view text);

/* The schedule that `text` says, or nothing, with `why` set to what is wrong with it. */
std::optional<Schedule> parse_schedule(std::string_view text, std::string *why);

} // namespace pgtrickle
