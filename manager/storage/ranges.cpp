#include "storage/ranges.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "common/int.h"
#include "datatype/timestamp.h"
#include "nodes/makefuncs.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

#include <limits>

namespace pgtrickle::storage {

namespace {

bool is_time(Oid type)
{
    return type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

bool is_integer(Oid type)
{
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

int64 number_of(Oid type, Datum value)
{
    switch (type) {
    case INT2OID: return DatumGetInt16(value);
    case INT4OID: return DatumGetInt32(value);
    case DATEOID: return DatumGetDateADT(value);
    default: return DatumGetInt64(value);
    }
}

Datum datum_of(Oid type, int64 number)
{
    switch (type) {
    case INT2OID: return Int16GetDatum(static_cast<int16>(number));
    case INT4OID: return Int32GetDatum(static_cast<int32>(number));
    case DATEOID: return DateADTGetDatum(static_cast<DateADT>(number));
    default: return Int64GetDatum(number);
    }
}

bool is_in_type(Oid type, int64 number)
{
    switch (type) {
    case INT2OID: return number >= PG_INT16_MIN && number <= PG_INT16_MAX;
    case INT4OID: return number >= PG_INT32_MIN && number <= PG_INT32_MAX;
    default: return true;
    }
}

/* The largest multiple of `width` that is at most `number`, and the next one. */
bool multiples_around(int64 number, int64 width, Range *range)
{
    int64 remainder = number % width;
    if (remainder < 0)
        remainder += width;
    return !pg_sub_s64_overflow(number, remainder, &range->from) &&
           !pg_add_s64_overflow(range->from, width, &range->to);
}

/* The day on which the month or the year begins `later` months or years after that of `day`. Days are counted from
 * 2000-01-01. */
int64 beginning(int64 day, RangeUnit unit, int later)
{
    int year, month, of_month;
    j2date(static_cast<int>(day) + POSTGRES_EPOCH_JDATE, &year, &month, &of_month);
    if (unit == RangeUnit::year)
        return date2j(year + later, 1, 1) - POSTGRES_EPOCH_JDATE;
    return date2j(year + (month - 1 + later) / 12, (month - 1 + later) % 12 + 1, 1) - POSTGRES_EPOCH_JDATE;
}

/* Ranges of days; those of a time are the same days in microseconds. */
bool days_around(int64 day, RangeUnit unit, Range *range)
{
    if (unit == RangeUnit::day)
        return multiples_around(day, 1, range);
    *range = {beginning(day, unit, 0), beginning(day, unit, 1)};
    return true;
}

bool times_around(int64 time, RangeUnit unit, Range *range)
{
    if (unit == RangeUnit::hour)
        return multiples_around(time, USECS_PER_HOUR, range);
    Range day;
    if (!multiples_around(time, USECS_PER_DAY, &day) || !days_around(day.from / USECS_PER_DAY, unit, range))
        return false;
    return !pg_mul_s64_overflow(range->from, USECS_PER_DAY, &range->from) &&
           !pg_mul_s64_overflow(range->to, USECS_PER_DAY, &range->to);
}

/* Years in which both ends of every range are dates and times of the types. */
bool is_usual(Oid type, int64 number)
{
    constexpr int64 first_day = -730119; /* 0001-01-01 */
    constexpr int64 last_day = 2921939;  /* 9999-12-31 */
    const int64 a_day = type == DATEOID ? 1 : USECS_PER_DAY;
    return number >= first_day * a_day && number < (last_day + 1) * a_day;
}

::Node *bound_value(Oid type, int64 number)
{
    int16 length;
    bool is_by_value;
    get_typlenbyval(type, &length, &is_by_value);
    PartitionRangeDatum *value = makeNode(PartitionRangeDatum);
    value->kind = PARTITION_RANGE_DATUM_VALUE;
    value->value =
        reinterpret_cast<::Node *>(makeConst(type, -1, InvalidOid, length, datum_of(type, number), false, is_by_value));
    value->location = -1;
    return reinterpret_cast<::Node *>(value);
}

} // namespace

bool has_ranges(Oid type, RangeWidth width)
{
    if (width.unit == RangeUnit::number)
        return is_integer(type) && is_in_type(type, width.number);
    return is_time(type) && !(type == DATEOID && width.unit == RangeUnit::hour);
}

bool range_of(Oid type, RangeWidth width, Datum value, Range *range)
{
    const int64 number = number_of(type, value);
    if (width.unit == RangeUnit::number)
        return multiples_around(number, width.number, range) && is_in_type(type, range->from) &&
               is_in_type(type, range->to);
    if (!is_usual(type, number))
        return false;
    return type == DATEOID ? days_around(number, width.unit, range) : times_around(number, width.unit, range);
}

PartitionBoundSpec *bound_of(Oid type, const Range &range)
{
    PartitionBoundSpec *bound = makeNode(PartitionBoundSpec);
    bound->strategy = PARTITION_STRATEGY_RANGE;
    bound->lowerdatums = list_make1(bound_value(type, range.from));
    bound->upperdatums = list_make1(bound_value(type, range.to));
    bound->location = -1;
    return bound;
}

} // namespace pgtrickle::storage
