/*
 * Access to values of variable length. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

/* Up to 15, postgres.h includes these. */
#if PG_VERSION_NUM >= 160000
extern "C" {
#include "varatt.h"
}
#endif

extern "C" {
#include "utils/rangetypes.h"
}

namespace pgtrickle {

/* Returns the range with the bounds, which are those of a range. */
inline RangeType *form_range(TypeCacheEntry *facts, RangeBound *lower, RangeBound *upper, bool is_empty)
{
#if PG_VERSION_NUM >= 160000
    return range_serialize(facts, lower, upper, is_empty, nullptr);
#else
    return range_serialize(facts, lower, upper, is_empty);
#endif
}

} // namespace pgtrickle
