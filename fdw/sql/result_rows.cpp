#include "fdw/sql/result_rows.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/timestamp.h"
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

Rows &Rows::interval(const std::optional<int64_t> &microseconds)
{
    if (!microseconds)
        return null();
    return push(call([&] {
                    auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
                    interval->time = *microseconds;
                    return IntervalPGetDatum(interval);
                }),
                false);
}

Rows &Rows::texts(const std::vector<std::string> &values)
{
    return push(call([&] {
                    auto *texts = static_cast<Datum *>(palloc(sizeof(Datum) * (values.size() + 1)));
                    for (size_t i = 0; i < values.size(); i++)
                        texts[i] = CStringGetTextDatum(values[i].c_str());
                    return PointerGetDatum(construct_array(texts, static_cast<int>(values.size()), TEXTOID, -1, false,
                                                           TYPALIGN_INT));
                }),
                false);
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
