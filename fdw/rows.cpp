#include "fdw/rows.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle {

Rows::Rows(FunctionCallInfo fcinfo)
{
    call([=] { InitMaterializedSRF(fcinfo, 0); });
    result_ = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
}

Rows &Rows::push(Datum value, bool is_null)
{
    values_.push_back(value);
    nulls_.push_back(is_null);
    return *this;
}

Rows &Rows::text(const char *value)
{
    return push(call([=] { return CStringGetTextDatum(value); }), false);
}

Rows &Rows::text(const std::string &value)
{
    return text(value.c_str());
}

Rows &Rows::text(const std::optional<std::string> &value)
{
    return value ? text(*value) : null();
}

Rows &Rows::number(int64_t value)
{
    return push(Int64GetDatum(value), false);
}

Rows &Rows::integer(int32_t value)
{
    return push(Int32GetDatum(value), false);
}

Rows &Rows::real(double value)
{
    return push(Float8GetDatum(value), false);
}

Rows &Rows::boolean(bool value)
{
    return push(BoolGetDatum(value), false);
}

Rows &Rows::oid(Oid value)
{
    return push(ObjectIdGetDatum(value), false);
}

Rows &Rows::time(TimestampTz value)
{
    return push(TimestampTzGetDatum(value), value == 0);
}

Rows &Rows::datum(Datum value)
{
    return push(value, false);
}

Rows &Rows::null()
{
    return push(0, true);
}

void Rows::add()
{
    if (static_cast<int>(values_.size()) != result_->setDesc->natts)
        raise({.message = "a row of " + std::to_string(values_.size()) + " values does not fit the function's result"});
    call([this] {
        tuplestore_putvalues(result_->setResult, result_->setDesc, values_.data(),
                             reinterpret_cast<bool *>(nulls_.data()));
    });
    values_.clear();
    nulls_.clear();
}

} // namespace pgtrickle
