#include "definition/time_zone.hpp"

#include "mailbox/zone.hpp"
#include "pg/database_settings.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
}

namespace pgtrickle::definition {

namespace {

/* Puts the zone in force that a value of the setting means, which PostgreSQL also stores as an interval or a number of
 * hours. Returns false if it is not valid. */
bool use_zone(const char *value)
{
    return set_config_option("TimeZone", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, DEBUG1, false) > 0;
}

constexpr pg_time_t epoch_s = static_cast<pg_time_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

} // namespace

/* The manager itself may have the zone that the role of workers is given, or one that the database had when the manager
 * connected. PostgreSQL ignores a zone of the database that is not valid. */
void publish_time_zone()
{
    const int level = NewGUCNestLevel();
    const char *given = given_value("TimeZone");
    if (given == nullptr || !use_zone(given))
        (void)use_zone(value_of_server("TimeZone"));
    mailbox::publish_zone(pg_get_timezone_name(session_timezone));
    AtEOXact_GUC(false, level);
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
