#include "definition/time_zone.hpp"

#include "mailbox/zone.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_db_role_setting.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
}

namespace pgtrickle::definition {

namespace {

constexpr const char *setting = "TimeZone=";

/* The value in a list of settings as the catalog keeps it; null if it is not among them. */
char *value_in(ArrayType *settings)
{
    Datum *elements;
    int count;
    deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
    for (int i = 0; i < count; i++) {
        char *entry = TextDatumGetCString(elements[i]);
        if (pg_strncasecmp(entry, setting, strlen(setting)) == 0)
            return entry + strlen(setting);
    }
    return nullptr;
}

/* What is set for all roles in `database`, or, if that is invalid, in all databases. */
char *zone_set_for(Oid database)
{
    Relation catalog = table_open(DbRoleSettingRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(database));
    ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(InvalidOid));
    SysScanDesc scan = systable_beginscan(catalog, DbRoleSettingDatidRolidIndexId, true, nullptr, 2, keys);
    char *zone = nullptr;
    if (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row)) {
        bool is_null;
        Datum settings = heap_getattr(row, Anum_pg_db_role_setting_setconfig, RelationGetDescr(catalog), &is_null);
        if (!is_null)
            zone = value_in(DatumGetArrayTypeP(settings));
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return zone;
}

/* As the setting reads it: a name, a rule, or hours east of Greenwich. Null: none of these. */
pg_tz *zone_written(const char *value)
{
    char *end;
    double hours = strtod(value, &end);
    bool is_number = end != value && *end == '\0' && hours >= -24 && hours <= 24;
    return is_number ? pg_tzset_offset(static_cast<long>(-hours * SECS_PER_HOUR)) : pg_tzset(value);
}

constexpr pg_time_t epoch_s = static_cast<pg_time_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

} // namespace

void tell_time_zone()
{
    const char *zone = zone_set_for(MyDatabaseId);
    if (zone == nullptr)
        zone = zone_set_for(InvalidOid);
    if (zone == nullptr)
        zone = pg_get_timezone_name(session_timezone);
    pg_tz *rules = zone_written(zone);
    mailbox::tell_zone(rules != nullptr ? pg_get_timezone_name(rules) : "GMT");
}

pg_tz *told_time_zone()
{
    char name[mailbox::zone_name_size];
    pg_tz *told = mailbox::copy_zone(name) ? pg_tzset(name) : nullptr;
    return told != nullptr ? told : session_timezone;
}

scheduler::Zone::Span DatabaseZone::span_at(scheduler::Microseconds at) const
{
    pg_time_t second = at / USECS_PER_SEC - (at % USECS_PER_SEC < 0 ? 1 : 0) + epoch_s;
    long offset_s = 0, next_offset_s;
    int is_dst, is_dst_next;
    pg_time_t boundary;
    int found =
        pg_next_dst_boundary(&second, &offset_s, &is_dst, &boundary, &next_offset_s, &is_dst_next, rules_);
    if (found < 0)
        return {};
    Span span;
    span.offset = offset_s * USECS_PER_SEC;
    if (found > 0)
        span.until = (boundary - epoch_s) * USECS_PER_SEC;
    return span;
}

} // namespace pgtrickle::definition
