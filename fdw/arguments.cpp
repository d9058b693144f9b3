#include "fdw/arguments.hpp"

namespace pgtrickle {

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int number)
{
    if (!has_argument(fcinfo, number))
        return std::nullopt;
    return std::string(call([=] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); }));
}

std::string required_text(FunctionCallInfo fcinfo, int number, const char *what)
{
    std::optional<std::string> value = text_argument(fcinfo, number);
    if (!value)
        raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
               .message = std::string("invalid argument: ") + what + " must not be NULL"});
    return *value;
}

} // namespace pgtrickle
