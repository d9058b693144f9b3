/*
 * Arguments of SQL functions as C++ values.
 */
#pragma once

#include "pg/boundary.hpp"

#include <optional>
#include <string>

namespace pgtrickle {

/* The text argument `number`; nothing when it is NULL or absent. C++ frame. */
std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int number);
/* The same; raises 22023 when it is NULL. `what` names it: "name". */
std::string required_text(FunctionCallInfo fcinfo, int number, const char *what);

/* Says that the argument was not needed, as a NOTICE. */
void note_ignored(const char *argument, const char *why);
/* The same of arguments that other implementations need, by their numbers; raises 22023 for a value that none knows. */
void look_at_compatibility(FunctionCallInfo fcinfo, int cdc_mode, int pooler_compatibility_mode);

inline bool has_argument(FunctionCallInfo fcinfo, int number)
{
    return number < PG_NARGS() && !PG_ARGISNULL(number);
}

inline std::optional<bool> boolean_argument(FunctionCallInfo fcinfo, int number)
{
    return has_argument(fcinfo, number) ? std::optional<bool>(PG_GETARG_BOOL(number)) : std::nullopt;
}

} // namespace pgtrickle
