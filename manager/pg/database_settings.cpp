#include "pg/database_settings.hpp"

#include "pg/versions/settings.hpp"

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
#include "utils/memutils.h"
}

#include <algorithm>

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

/* ---- values that all sessions have ---------------------------------------------------- */

namespace {

/* Returns the value to which the entries "name=value" set `name`, or null. */
const char *value_among(ArrayType *entries, const char *name)
{
    Datum *texts = nullptr;
    int count = 0;
    const char *found = nullptr;
    if (entries != nullptr)
        deconstruct_array(entries, TEXTOID, -1, false, TYPALIGN_INT, &texts, nullptr, &count);
    for (int i = 0; i < count && found == nullptr; i++)
        found = value_of(TextDatumGetCString(texts[i]), name);
    return found;
}

enum class Which : uint8_t { built_in, of_reset, present };

template <class Config> auto value_in(const config_generic *setting, Which which)
{
    auto *config = reinterpret_cast<const Config *>(setting);
    return which == Which::built_in   ? config->boot_val
           : which == Which::of_reset ? config->reset_val
                                      : *config->variable;
}

/* Returns an empty text for a setting of type string without a value. PostgreSQL's own functions round numbers, and
 * raise an error where the current user must not see the value. */
const char *text_of(const config_generic *setting, Which which)
{
    switch (setting->vartype) {
    case PGC_BOOL: return value_in<config_bool>(setting, which) ? "on" : "off";
    case PGC_INT: return psprintf("%d", value_in<config_int>(setting, which));
    case PGC_REAL: return psprintf("%.17g", value_in<config_real>(setting, which));
    case PGC_STRING: {
        const char *value = value_in<config_string>(setting, which);
        return value != nullptr ? value : "";
    }
    case PGC_ENUM: {
        auto *choice = reinterpret_cast<config_enum *>(const_cast<config_generic *>(setting));
        return config_enum_lookup_by_value(choice, value_in<config_enum>(setting, which));
    }
    }
    pg_unreachable();
}

bool is_any_of(const char *name, const char *const *names, int count)
{
    return std::any_of(names, names + count, [=](const char *one) { return strcmp(name, one) == 0; });
}

bool begins_with_any_of(const char *name, const char *const *prefixes, int count)
{
    return std::any_of(prefixes, prefixes + count,
                       [=](const char *one) { return strncmp(name, one, strlen(one)) == 0; });
}

/* Whether the value of a setting may have a part in what an expression or a query returns, other than by the order of
 * its steps. */
bool may_change_results(const config_generic *setting)
{
    static const char *const of_session[] = {
        "client_encoding",
        "client_min_messages",
        "lc_messages",
        "lock_timeout",
        "statement_timeout",
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
        "transaction_timeout",
        "transaction_isolation",
        "transaction_read_only",
        "transaction_deferrable",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "default_transaction_deferrable",
        "search_path",
        "row_security",
        "session_replication_role", /* rules and triggers */
        "default_tablespace",
        "temp_tablespaces",
    };
    /* The latter two report and count what runs, and a session can have them show its refreshes. */
    static const char *const of_modules[] = {"pg_trickle.", "auto_explain.", "pg_stat_statements."};
    switch (setting->group) {
    case CLIENT_CONN_STATEMENT:
    case CLIENT_CONN_LOCALE:
    case CLIENT_CONN_OTHER:
    case COMPAT_OPTIONS_PREVIOUS:
    case other_clients: return !is_any_of(setting->name, of_session, lengthof(of_session));
    case CUSTOM_OPTIONS: return !begins_with_any_of(setting->name, of_modules, lengthof(of_modules));
    default: return false;
    }
}

/* A value that the server gave the process. */
struct Kept {
    char *name;
    char *value;
};

List *all_kept = NIL;

void keep(const char *name, const char *value)
{
    MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
    auto *kept = static_cast<Kept *>(palloc(sizeof(Kept)));
    *kept = {pstrdup(name), pstrdup(value)};
    all_kept = lappend(all_kept, kept);
    MemoryContextSwitchTo(previous);
}

} // namespace

const char *given_value(const char *name, Oid role)
{
    const char *value = value_among(settings_given_in(MyDatabaseId, role), name);
    return value != nullptr ? value : value_among(settings_given_in(InvalidOid, role), name);
}

const char *built_in_value(const config_generic *setting)
{
    /* PostgreSQL sets these by other means than their built-in values, when it starts. */
    if (strcmp(setting->name, "timezone_abbreviations") == 0)
        return "Default";
    if (strcmp(setting->name, "TimeZone") == 0)
        return "GMT";
    return text_of(setting, Which::built_in);
}

const char *present_value(const config_generic *setting)
{
    return text_of(setting, Which::present);
}

bool is_shared(const config_generic *setting)
{
    const bool is_of_roles = setting->context == PGC_USERSET || setting->context == PGC_SUSET;
    return is_of_roles && may_change_results(setting);
}

/* The context in which a session is authenticated lives as long as the session. */
void keep_values_of_server()
{
    MemoryContext temporary = AllocSetContextCreate(TopMemoryContext, "pg_trickle settings", ALLOCSET_SMALL_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(temporary);
    int count;
    config_generic **all = all_settings_of_process(&count);
    for (int i = 0; i < count; i++) {
        if (all[i]->reset_source == PGC_S_DEFAULT || !is_shared(all[i]))
            continue;
        const char *value = text_of(all[i], Which::of_reset);
        if (strcmp(value, built_in_value(all[i])) != 0)
            keep(all[i]->name, value);
    }
    MemoryContextSwitchTo(previous);
    MemoryContextDelete(temporary);
}

const char *value_of_server(const config_generic *setting)
{
    if (setting->reset_source <= PGC_S_ARGV)
        return text_of(setting, Which::of_reset);
    ListCell *cell;
    foreach (cell, all_kept)
        if (strcmp(static_cast<Kept *>(lfirst(cell))->name, setting->name) == 0)
            return static_cast<Kept *>(lfirst(cell))->value;
    return built_in_value(setting);
}

const char *value_of_server(const char *name)
{
    int count;
    config_generic **all = all_settings_of_process(&count);
    return value_of_server(
        *std::find_if(all, all + count, [=](const config_generic *one) { return strcmp(one->name, name) == 0; }));
}

/* A value that is hidden is found once in a process, which keeps the value that its database gave it. A placeholder
 * may become a setting of a library, with another built-in value. */
const char *value_of_all_sessions(const config_generic *setting)
{
    struct Found {
        const config_generic *setting;
        char *value;
    };
    static List *all_found = NIL;
    if (setting->reset_source <= PGC_S_DATABASE)
        return text_of(setting, Which::of_reset);
    ListCell *cell;
    foreach (cell, all_found)
        if (static_cast<Found *>(lfirst(cell))->setting == setting)
            return static_cast<Found *>(lfirst(cell))->value;
    const char *value = given_value(setting->name);
    if (value == nullptr)
        value = value_of_server(setting);
    if ((setting->flags & GUC_CUSTOM_PLACEHOLDER) != 0)
        return value;
    MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
    auto *found = static_cast<Found *>(palloc(sizeof(Found)));
    *found = {setting, pstrdup(value)};
    all_found = lappend(all_found, found);
    MemoryContextSwitchTo(previous);
    return found->value;
}

} // namespace pgtrickle
