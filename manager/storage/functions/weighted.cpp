/*
 * pgtrickle.weighted(interval, bigint): the sum of as many copies of an interval as its weight says, each part by
 * itself. PostgreSQL multiplies an interval as a float8, which has not all microseconds of 285 years.
 */
#include "pg/boundary.hpp"

extern "C" {
#include "common/int.h"
#include "utils/timestamp.h"
}

namespace pgtrickle {

namespace {

/* The functions of this namespace are PostgreSQL frames. */

int64 multiplied(int64 part, int64 weight, int64 most)
{
    int64 product;
    if (pg_mul_s64_overflow(part, weight, &product) || product > most || product < -most - 1)
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("interval out of range")));
    return product;
}

Interval *weighted(const Interval *value, int64 weight)
{
    auto *sum = static_cast<Interval *>(palloc(sizeof(Interval)));
    sum->month = static_cast<int32>(multiplied(value->month, weight, PG_INT32_MAX));
    sum->day = static_cast<int32>(multiplied(value->day, weight, PG_INT32_MAX));
    sum->time = multiplied(value->time, weight, PG_INT64_MAX);
    return sum;
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_weighted)
{
    return pgtrickle::call(
        [=] { return IntervalPGetDatum(pgtrickle::weighted(PG_GETARG_INTERVAL_P(0), PG_GETARG_INT64(1))); });
}
