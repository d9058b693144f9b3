/*
 * OIDs of functions that exist in some versions only, and what functions depend on in some versions only.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "utils/fmgroids.h"
}

#if PG_VERSION_NUM < 160000
#define F_DATE_ADD_TIMESTAMPTZ_INTERVAL 6221
#define F_DATE_ADD_TIMESTAMPTZ_INTERVAL_TEXT 6222
#define F_DATE_SUBTRACT_TIMESTAMPTZ_INTERVAL 6223
#define F_DATE_SUBTRACT_TIMESTAMPTZ_INTERVAL_TEXT 6273
#define F_GENERATE_SERIES_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL_TEXT 6274
#define F_JSON_AGG_STRICT 6276
#define F_JSON_OBJECT_AGG_STRICT 6280
#define F_JSON_OBJECT_AGG_UNIQUE 6281
#define F_JSON_OBJECT_AGG_UNIQUE_STRICT 6282
#define F_JSONB_AGG_STRICT 6284
#define F_JSONB_OBJECT_AGG_STRICT 6288
#define F_JSONB_OBJECT_AGG_UNIQUE 6289
#define F_JSONB_OBJECT_AGG_UNIQUE_STRICT 6290
#endif
#if PG_VERSION_NUM < 170000
#define F_TIMEZONE_TIMESTAMPTZ 6334
#define F_TIMEZONE_TIMESTAMP 6335
#define F_TIMEZONE_TIMETZ 6336
#endif

namespace pgtrickle {

/* Whether a template (of to_timestamp() or a JSON path) reads the name of a time zone. */
inline constexpr bool templates_read_zone_names = PG_VERSION_NUM >= 170000;
/* Whether an abbreviation means what it does in the session's time zone, if it is used there. */
inline constexpr bool abbreviations_follow_time_zone = PG_VERSION_NUM >= 180000;

} // namespace pgtrickle
