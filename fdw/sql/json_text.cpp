#include "fdw/sql/json_text.hpp"

extern "C" {
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
}

namespace pgtrickle {

namespace {

std::string quoted(const std::string &value)
{
    return call([&] {
        StringInfoData text;
        initStringInfo(&text);
        escape_json(&text, value.c_str());
        return text.data;
    });
}

} // namespace

JsonObject &JsonObject::add(const char *name, const std::string &value)
{
    members_ += (members_.empty() ? "" : ", ") + quoted(name) + ": " + value;
    return *this;
}

JsonObject &JsonObject::text(const char *name, const std::string &value)
{
    return add(name, quoted(value));
}

JsonObject &JsonObject::number(const char *name, int64_t value)
{
    return add(name, std::to_string(value));
}

JsonObject &JsonObject::real(const char *name, double value)
{
    return add(name, six_digits(value));
}

JsonObject &JsonObject::object(const char *name, const JsonObject &value)
{
    return add(name, value.written());
}

JsonObject &JsonObject::null(const char *name)
{
    return add(name, "null");
}

std::string six_digits(double value)
{
    char digits[32];
    snprintf(digits, sizeof(digits), "%.6g", value);
    return digits;
}

Datum as_jsonb(const std::string &written)
{
    return call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(written.c_str())); });
}

} // namespace pgtrickle
