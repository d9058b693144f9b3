#include "definition/state/extension_table.hpp"

#include "pg/invalidation_listeners.hpp"
#include "pg/latest_row.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace pgtrickle::definition {

namespace {

uint64 changes = 1; /* of schemas */

void count_change(int, uint32)
{
    changes++;
}

bool is_schema_of_extension(Oid schema)
{
    Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("pg_trickle"));
    SysScanDesc scan =
        systable_beginscan(extensions, ExtensionNameIndexId, is_read_by_index(extensions), nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    const bool answer =
        HeapTupleIsValid(tuple) && reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extnamespace == schema;
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    return answer;
}

} // namespace

uint64 schema_changes()
{
    static bool is_registered = false;
    if (!is_registered)
        listen_to_cache(NAMESPACEOID, count_change);
    is_registered = true;
    return changes;
}

Oid extension_schema()
{
    static Oid known = InvalidOid;
    static uint64 known_as_of = 0;
    const uint64 as_of = schema_changes();
    if (known_as_of == as_of)
        return known;
    const Oid schema = get_namespace_oid("pgtrickle", true);
    /* Its absence is not remembered: CREATE EXTENSION changes no schema that exists. */
    if (!OidIsValid(schema) || !is_schema_of_extension(schema))
        return InvalidOid;
    known_as_of = as_of;
    return known = schema;
}

Oid extension_relation(const char *name)
{
    const Oid schema = extension_schema();
    return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

Oid extension_function(const char *name, std::initializer_list<Oid> arguments, bool missing_ok)
{
    const Oid schema = extension_schema();
    const oidvector *types = buildoidvector(arguments.begin(), static_cast<int>(arguments.size()));
    const Oid function = !OidIsValid(schema) ? InvalidOid
                                             : GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
                                                               PointerGetDatum(types), ObjectIdGetDatum(schema));
    if (!OidIsValid(function) && !missing_ok)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function pgtrickle.%s() does not exist", name)));
    return function;
}

::Relation open_extension_table(const char *name, LOCKMODE lock)
{
    Oid table = extension_relation(name);
    return OidIsValid(table) ? try_table_open(table, lock) : nullptr;
}

bool is_read_by_index(::Relation table)
{
    return RelationGetNumberOfBlocks(table) > 1;
}

SysScanDesc begin_scan_by_oid(::Relation table, const char *index, int column, Oid key, ScanKeyData *scan_key,
                              Snapshot snapshot)
{
    ScanKeyInit(scan_key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(key));
    return systable_beginscan(table, extension_relation(index), true, snapshot, 1, scan_key);
}

namespace {

ScanKeyData key_of_oid(int column, Oid value)
{
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
    return key;
}

/* A key with the collation of the index, unlike one of ScanKeyInit(). */
ScanKeyData key_of_name(int column, const char *name)
{
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, 0, column, BTEqualStrategyNumber, InvalidOid, DEFAULT_COLLATION_OID, F_TEXTEQ,
                           CStringGetTextDatum(name));
    return key;
}

/* Scans the rows that match the key, or all rows if there is none; by the index, if there is one, unless the table is
 * small. */
SysScanDesc begin_scan(::Relation table, const char *index, ScanKeyData *key, Snapshot snapshot)
{
    const bool has_index = index != nullptr && is_read_by_index(table);
    return systable_beginscan(table, has_index ? extension_relation(index) : InvalidOid, has_index, snapshot,
                              key != nullptr ? 1 : 0, key);
}

} // namespace

SysScanDesc begin_unordered_scan_by_oid(::Relation table, const char *index, int column, Oid key, ScanKeyData *scan_key,
                                        Snapshot snapshot)
{
    *scan_key = key_of_oid(column, key);
    return begin_scan(table, index, scan_key, snapshot);
}

namespace {

TableRows matching_rows(::Relation table, const char *index, ScanKeyData *key, Snapshot snapshot)
{
    TableRows rows;
    rows.column_count = RelationGetDescr(table)->natts;
    rows.types = static_cast<Oid *>(palloc(sizeof(Oid) * rows.column_count));
    for (int i = 0; i < rows.column_count; i++)
        rows.types[i] = TupleDescAttr(RelationGetDescr(table), i)->atttypid;
    int room = 0;
    SysScanDesc scan = begin_scan(table, index, key, snapshot);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        if (rows.count == room) {
            room = 2 * room + 8;
            Size cells = static_cast<Size>(room) * rows.column_count;
            rows.values = static_cast<Datum *>(rows.values == nullptr ? palloc(cells * sizeof(Datum))
                                                                      : repalloc(rows.values, cells * sizeof(Datum)));
            rows.nulls = static_cast<bool *>(rows.nulls == nullptr ? palloc(cells) : repalloc(rows.nulls, cells));
        }
        int first = rows.count++ * rows.column_count;
        heap_deform_tuple(heap_copytuple(tuple), RelationGetDescr(table), rows.values + first, rows.nulls + first);
    }
    systable_endscan(scan);
    return rows;
}

TableRows matching_rows(const char *name, const char *index, ScanKeyData *key, Snapshot snapshot)
{
    TableRows rows;
    Relation table = open_extension_table(name, AccessShareLock);
    if (table == nullptr)
        return rows;
    rows = matching_rows(table, index, key, snapshot);
    table_close(table, AccessShareLock);
    return rows;
}

int remove_rows(const char *name, const char *index, ScanKeyData *key)
{
    int count = 0;
    Relation table = open_extension_table(name, RowExclusiveLock);
    if (table == nullptr)
        return 0;
    SysScanDesc scan = begin_scan(table, index, key, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        count += remove_latest(table, tuple) ? 1 : 0;
    systable_endscan(scan);
    table_close(table, RowExclusiveLock);
    if (count > 0)
        CommandCounterIncrement();
    return count;
}

} // namespace

TableRows rows_of(const char *name, Snapshot snapshot)
{
    return matching_rows(name, nullptr, nullptr, snapshot);
}

bool read_if_small(const char *name, Snapshot snapshot, TableRows *rows)
{
    Relation table = open_extension_table(name, AccessShareLock);
    if (table == nullptr)
        return true;
    const bool is_small = !is_read_by_index(table);
    if (is_small)
        *rows = matching_rows(table, nullptr, nullptr, snapshot);
    table_close(table, AccessShareLock);
    return is_small;
}

TableRows rows_with(const char *table, const char *index, int column, Oid key, Snapshot snapshot)
{
    ScanKeyData scan_key = key_of_oid(column, key);
    return matching_rows(table, index, &scan_key, snapshot);
}

TableRows rows_named(const char *table, const char *index, int column, const char *name, Snapshot snapshot)
{
    ScanKeyData scan_key = key_of_name(column, name);
    return matching_rows(table, index, &scan_key, snapshot);
}

int remove_rows_of(const char *table, int column, Oid relation, const char *index)
{
    ScanKeyData scan_key = key_of_oid(column, relation);
    return remove_rows(table, index, &scan_key);
}

int remove_rows_named(const char *table, int column, const char *name, const char *index)
{
    ScanKeyData scan_key = key_of_name(column, name);
    return remove_rows(table, index, &scan_key);
}

} // namespace pgtrickle::definition
