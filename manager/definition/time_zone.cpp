#include "definition/time_zone.hpp"

#include "mailbox/zone.hpp"
#include "pg/database_settings.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
}

namespace pgtrickle::definition {

namespace {

/* Returns the zone that is set for all roles in `database`, or, if `database` is invalid, in all databases;
 * null if none is set. */
const char *zone_set_for(Oid database)
{
    ArrayType *settings = settings_given_in(database);
    if (settings == nullptr)
        return nullptr;
    Datum *entries;
    int count;
    deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &entries, nullptr, &count);
    for (int i = 0; i < count; i++)
        if (const char *zone = value_of(TextDatumGetCString(entries[i]), "TimeZone"))
            return zone;
    return nullptr;
}

/* Returns the zone that a value of the setting means: a name, a rule, or hours east of Greenwich. Null if the
 * value is none of these. */
pg_tz *zone_written(const char *value)
{
    char *end;
    double hours = strtod(value, &end);
    bool is_number = end != value && *end == '\0' && hours >= -24 && hours <= 24;
    return is_number ? pg_tzset_offset(static_cast<long>(-hours * SECS_PER_HOUR)) : pg_tzset(value);
}

constexpr pg_time_t epoch_s = static_cast<pg_time_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

} // namespace

void publish_time_zone()
{
    const char *zone = zone_set_for(MyDatabaseId);
    if (zone == nullptr)
        zone = zone_set_for(InvalidOid);
    if (zone == nullptr)
        zone = pg_get_timezone_name(session_timezone);
    pg_tz *rules = zone_written(zone);
    mailbox::publish_zone(rules != nullptr ? pg_get_timezone_name(rules) : "GMT");
}

pg_tz *published_time_zone()
{
    char name[mailbox::zone_name_size];
    pg_tz *zone = mailbox::copy_zone(name) ? pg_tzset(name) : nullptr;
    return zone != nullptr ? zone : session_timezone;
}

scheduler::Zone::Span DatabaseZone::span_at(scheduler::Microseconds at) const
{
    pg_time_t second = at / USECS_PER_SEC - (at % USECS_PER_SEC < 0 ? 1 : 0) + epoch_s;
    long offset_s = 0, next_offset_s;
    int is_dst, is_dst_next;
    pg_time_t boundary;
    int found = pg_next_dst_boundary(&second, &offset_s, &is_dst, &boundary, &next_offset_s, &is_dst_next, rules_);
    if (found < 0)
        return {};
    Span span;
    span.offset = offset_s * USECS_PER_SEC;
    if (found > 0)
        span.until = (boundary - epoch_s) * USECS_PER_SEC;
    return span;
}

} // namespace pgtrickle::definition
