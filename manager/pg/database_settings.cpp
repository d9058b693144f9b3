#include "pg/database_settings.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
}

namespace pgtrickle {

ArrayType *settings_given_in(Oid database, Oid role)
{
    Relation catalog = table_open(DbRoleSettingRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(database));
    ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
    SysScanDesc scan = systable_beginscan(catalog, DbRoleSettingDatidRolidIndexId, true, nullptr, 2, keys);
    ArrayType *settings = nullptr;
    if (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row)) {
        bool is_null;
        Datum given = heap_getattr(row, Anum_pg_db_role_setting_setconfig, RelationGetDescr(catalog), &is_null);
        if (!is_null)
            settings = DatumGetArrayTypePCopy(given);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return settings;
}

bool is_role_of_workers(Oid role)
{
    return role == BOOTSTRAP_SUPERUSERID;
}

const char *value_of(const char *entry, const char *name)
{
    size_t length = strlen(name);
    return pg_strncasecmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1 : nullptr;
}

namespace {

void append_settings(StringInfo all, ArrayType *settings)
{
    Datum *entries = nullptr;
    int count = 0;
    if (settings != nullptr)
        deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &entries, nullptr, &count);
    for (int i = 0; i < count; i++) {
        char *entry = TextDatumGetCString(entries[i]);
        if (value_of(entry, "TimeZone") == nullptr)
            appendStringInfo(all, "%s\n", entry);
    }
}

} // namespace

char *settings_to_begin_with()
{
    StringInfoData all;
    initStringInfo(&all);
    for (Oid role : {Oid{InvalidOid}, Oid{BOOTSTRAP_SUPERUSERID}})
        for (Oid database : {Oid{InvalidOid}, MyDatabaseId})
            append_settings(&all, settings_given_in(database, role));
    return all.data;
}

namespace {

/* A lock of the extension's own: any role that changes its own settings locks the catalog. */
LOCKTAG lock_of_settings(Oid database)
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, InvalidOid, DbRoleSettingRelationId, database, 0);
    return tag;
}

bool try_lock(Oid database)
{
    const LOCKTAG tag = lock_of_settings(database);
    return LockAcquire(&tag, ShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void unlock(Oid database)
{
    const LOCKTAG tag = lock_of_settings(database);
    LockRelease(&tag, ShareLock, false);
}

} // namespace

/* PostgreSQL keeps the lock until after the callbacks of a commit. */
void lock_changed_settings(Oid database)
{
    const LOCKTAG tag = lock_of_settings(database);
    (void)LockAcquire(&tag, RowExclusiveLock, false, false);
}

bool lock_settings()
{
    if (!try_lock(InvalidOid))
        return false;
    if (try_lock(MyDatabaseId))
        return true;
    unlock(InvalidOid);
    return false;
}

void unlock_settings()
{
    unlock(MyDatabaseId);
    unlock(InvalidOid);
}

} // namespace pgtrickle
