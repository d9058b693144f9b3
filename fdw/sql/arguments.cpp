#include "fdw/sql/arguments.hpp"

#include "definition/options.hpp"

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

void note_ignored(const char *argument, const char *why)
{
    call([=] { ereport(NOTICE, (errmsg("%s has no effect: %s", argument, why))); });
}

void look_at_compatibility(FunctionCallInfo fcinfo, int cdc_mode, int pooler_compatibility_mode)
{
    if (std::optional<std::string> mode = text_argument(fcinfo, cdc_mode)) {
        const std::string word = options::lower(*mode);
        if (word != "auto" && word != "trigger" && word != "wal")
            raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
                   .message = "invalid argument: cdc_mode \"" + *mode + "\"",
                   .hint = "Valid values are: auto, trigger, wal."});
        note_ignored("cdc_mode", "changes are captured by triggers");
    }
    if (boolean_argument(fcinfo, pooler_compatibility_mode).value_or(false))
        note_ignored("pooler_compatibility_mode", "connection poolers need no special mode");
}

} // namespace pgtrickle
