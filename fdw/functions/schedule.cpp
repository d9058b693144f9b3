#include "scheduler/time/schedule.hpp"
#include "definition/options.hpp"
#include "fdw/sql/arguments.hpp"

/* The function is STRICT, so the argument is not NULL. */
SQL_FUNCTION(pgtrickle_parse_duration_seconds)
{
    using namespace pgtrickle;
    std::string text = required_text(fcinfo, 0, "duration");
    std::string fault;
    std::optional<int64_t> seconds = scheduler::parse_duration_seconds(text, &fault);
    if (!seconds)
        raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
               .message = "invalid argument: duration \"" + text + "\"",
               .detail = options::as_sentence(fault),
               .hint = "Use whole seconds such as 30s, 5m, 1h30m or 2d."});
    PG_RETURN_INT64(*seconds);
}
