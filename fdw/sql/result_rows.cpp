#include "fdw/sql/result_rows.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle {

Rows::Rows(FunctionCallInfo fcinfo)
{
    row_ = call([=] {
        InitMaterializedSRF(fcinfo, 0);
        return AllocSetContextCreate(CurrentMemoryContext, "pg_trickle result row", ALLOCSET_DEFAULT_SIZES);
    });
    result_ = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
}

/* Returns what `make`, a PostgreSQL frame, makes in the memory of the row. */
template <class Make> Datum Rows::in_row(Make make)
{
    return call([&] {
        MemoryContext before = MemoryContextSwitchTo(row_);
        const Datum value = make();
        MemoryContextSwitchTo(before);
        return value;
    });
}

Rows &Rows::push(Datum value, bool is_null, Oid type)
{
    values_.push_back(value);
    nulls_.push_back(is_null);
    types_.push_back(type);
    return *this;
}

Rows &Rows::text(const char *value)
{
    return value == nullptr ? null() : push(in_row([=] { return CStringGetTextDatum(value); }), false, TEXTOID);
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
    return push(Int64GetDatum(value), false, INT8OID);
}

Rows &Rows::integer(int32_t value)
{
    return push(Int32GetDatum(value), false, INT4OID);
}

Rows &Rows::real(double value)
{
    return push(Float8GetDatum(value), false, FLOAT8OID);
}

Rows &Rows::boolean(bool value)
{
    return push(BoolGetDatum(value), false, BOOLOID);
}

Rows &Rows::oid(Oid value)
{
    return push(ObjectIdGetDatum(value), false, OIDOID);
}

Rows &Rows::time(TimestampTz value)
{
    return push(TimestampTzGetDatum(value), value == 0, TIMESTAMPTZOID);
}

Rows &Rows::interval(const std::optional<int64_t> &microseconds)
{
    if (!microseconds)
        return null();
    return push(in_row([&] {
                    auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
                    interval->time = *microseconds;
                    return IntervalPGetDatum(interval);
                }),
                false, INTERVALOID);
}

Rows &Rows::texts(const std::vector<std::string> &values)
{
    return push(in_row([&] {
                    auto *texts = static_cast<Datum *>(palloc(sizeof(Datum) * (values.size() + 1)));
                    for (size_t i = 0; i < values.size(); i++)
                        texts[i] = CStringGetTextDatum(values[i].c_str());
                    return PointerGetDatum(
                        construct_array(texts, static_cast<int>(values.size()), TEXTOID, -1, false, TYPALIGN_INT));
                }),
                false, TEXTARRAYOID);
}

Rows &Rows::datum(Datum value, Oid type)
{
    return push(value, false, type);
}

Rows &Rows::copy(const definition::TableRows &from, int row, int column)
{
    return push(from.value(row, column), from.is_null(row, column), from.type(column));
}

Rows &Rows::null()
{
    return push(0, true, InvalidOid);
}

void Rows::require_declared_types() const
{
    for (size_t i = 0; i < values_.size(); i++) {
        const FormData_pg_attribute *column = TupleDescAttr(result_->setDesc, static_cast<int>(i));
        if (nulls_[i] || types_[i] == column->atttypid)
            continue;
        const Oid type = types_[i];
        call([=] {
            elog(ERROR, "column \"%s\" of the function's result is declared %s, not %s", NameStr(column->attname),
                 format_type_be(column->atttypid), format_type_be(type));
        });
    }
}

void Rows::add()
{
    if (static_cast<int>(values_.size()) != result_->setDesc->natts)
        raise({.message = "a row of " + std::to_string(values_.size()) +
                          " values does not fit the function's result of " + std::to_string(result_->setDesc->natts) +
                          " columns"});
    require_declared_types();
    call([this] {
        tuplestore_putvalues(result_->setResult, result_->setDesc, values_.data(),
                             reinterpret_cast<bool *>(nulls_.data()));
        MemoryContextReset(row_);
    });
    values_.clear();
    nulls_.clear();
    types_.clear();
}

} // namespace pgtrickle
