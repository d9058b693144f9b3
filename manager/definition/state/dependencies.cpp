/*
 * Rows of pgt_dependency, accessed as heap tuples. The table is found by name, like pgt_state (state.cpp).
 */
#include "definition/state/state.hpp"

#include "definition/state/extension_table.hpp"
extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

#include <optional>

namespace pgtrickle::state {

namespace {

enum DependencyColumn : int {
    dependency_relid = 1,
    dependency_source,
    dependency_position,
    dependency_columns,
    dependency_captured
};
constexpr int dependency_column_count = dependency_captured;

} // namespace

void insert_dependency(Oid relid, Oid source_relid, int position, const int16 *columns, int column_count,
                       bool is_captured)
{
    Relation table = definition::open_extension_table("pgt_dependency", RowExclusiveLock);
    if (table == nullptr)
        elog(ERROR, "table pgtrickle.pgt_dependency does not exist");
    auto *numbers = static_cast<Datum *>(palloc(sizeof(Datum) * (column_count + 1)));
    for (int i = 0; i < column_count; i++)
        numbers[i] = Int16GetDatum(columns[i]);
    Datum values[dependency_column_count] = {
        ObjectIdGetDatum(relid), ObjectIdGetDatum(source_relid), Int32GetDatum(position),
        PointerGetDatum(construct_array(numbers, column_count, INT2OID, sizeof(int16), true, TYPALIGN_SHORT)),
        BoolGetDatum(is_captured)};
    bool nulls[dependency_column_count] = {};
    CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), values, nulls));
    CacheInvalidateRelcache(table);
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

void set_captured(Oid relid, Oid source_relid, bool is_captured)
{
    Relation table = definition::open_extension_table("pgt_dependency", RowExclusiveLock);
    if (table == nullptr)
        return;
    ScanKeyData key;
    SysScanDesc scan = definition::begin_scan_by_oid(table, "pgt_dependency_pkey", dependency_relid, relid, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool is_null;
        if (DatumGetObjectId(heap_getattr(tuple, dependency_source, RelationGetDescr(table), &is_null)) != source_relid)
            continue;
        Datum values[dependency_column_count] = {};
        bool nulls[dependency_column_count] = {};
        bool replaces[dependency_column_count] = {};
        values[dependency_captured - 1] = BoolGetDatum(is_captured);
        replaces[dependency_captured - 1] = true;
        HeapTuple changed = heap_modify_tuple(tuple, RelationGetDescr(table), values, nulls, replaces);
        CatalogTupleUpdate(table, &tuple->t_self, changed);
    }
    systable_endscan(scan);
    CacheInvalidateRelcache(table);
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

namespace {

/* Returns the values of the column `wanted` in the rows whose column `by` is `key`. */
List *scan_dependencies(const char *index_name, DependencyColumn by, Oid key, DependencyColumn wanted,
                        std::optional<bool> is_captured = {})
{
    List *relids = NIL;
    Relation table = definition::open_extension_table("pgt_dependency", AccessShareLock);
    if (table == nullptr)
        return NIL;
    ScanKeyData scan_key;
    SysScanDesc scan = definition::begin_scan_by_oid(table, index_name, by, key, &scan_key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool is_null;
        if (is_captured &&
            *is_captured != DatumGetBool(heap_getattr(tuple, dependency_captured, RelationGetDescr(table), &is_null)))
            continue;
        Datum found = heap_getattr(tuple, wanted, RelationGetDescr(table), &is_null);
        relids = lappend_oid(relids, DatumGetObjectId(found));
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    list_sort(relids, list_oid_cmp);
    return relids;
}

} // namespace

std::vector<Oid> to_vector(const List *oids)
{
    std::vector<Oid> found;
    const ListCell *cell;
    foreach (cell, oids)
        found.push_back(lfirst_oid(cell));
    return found;
}

List *dependents_of(Oid source_relid)
{
    return scan_dependencies("pgt_dependency_source", dependency_source, source_relid, dependency_relid);
}

List *log_dependents_of(Oid source_relid)
{
    return scan_dependencies("pgt_dependency_source", dependency_source, source_relid, dependency_relid, true);
}

List *uncaptured_dependents_of(Oid source_relid)
{
    return scan_dependencies("pgt_dependency_source", dependency_source, source_relid, dependency_relid, false);
}

namespace {

/* Whether the log of `source` is read by the stream table `relid`. */
bool is_log_dependent(Oid relid, Oid source)
{
    Relation table = definition::open_extension_table("pgt_dependency", AccessShareLock);
    if (table == nullptr)
        return false;
    ScanKeyData key;
    SysScanDesc scan = definition::begin_scan_by_oid(table, "pgt_dependency_pkey", dependency_relid, relid, &key);
    bool is_found = false;
    HeapTuple tuple;
    while (!is_found && HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool is_null;
        is_found =
            DatumGetObjectId(heap_getattr(tuple, dependency_source, RelationGetDescr(table), &is_null)) == source &&
            DatumGetBool(heap_getattr(tuple, dependency_captured, RelationGetDescr(table), &is_null));
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return is_found;
}

/* Returns the youngest of the stream tables that read the log of `source`; invalid: there is none. */
Oid youngest_log_dependent(Oid source)
{
    Relation table = definition::open_extension_table("pgt_dependency", AccessShareLock);
    if (table == nullptr)
        return InvalidOid;
    Relation index = index_open(definition::extension_relation("pgt_dependency_source"), AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, dependency_source, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
    SysScanDesc scan = systable_beginscan_ordered(table, index, nullptr, 1, &key);
    Oid found = InvalidOid;
    HeapTuple tuple;
    while (!OidIsValid(found) && HeapTupleIsValid(tuple = systable_getnext_ordered(scan, BackwardScanDirection))) {
        bool is_null;
        if (DatumGetBool(heap_getattr(tuple, dependency_captured, RelationGetDescr(table), &is_null)))
            found = DatumGetObjectId(heap_getattr(tuple, dependency_relid, RelationGetDescr(table), &is_null));
    }
    systable_endscan_ordered(scan);
    index_close(index, AccessShareLock);
    table_close(table, AccessShareLock);
    return found;
}

} // namespace

bool has_log_dependents(Oid source_relid)
{
    static Oid known_source = InvalidOid, known_dependent = InvalidOid;
    if (known_source == source_relid && is_log_dependent(known_dependent, source_relid))
        return true;
    known_source = source_relid;
    known_dependent = youngest_log_dependent(source_relid);
    return OidIsValid(known_dependent);
}

List *sources_of(Oid relid)
{
    return scan_dependencies("pgt_dependency_pkey", dependency_relid, relid, dependency_source);
}

void invalidate_refresh_sets()
{
    if (Oid table = dependency_table(); OidIsValid(table))
        CacheInvalidateRelcacheByRelid(table);
}

} // namespace pgtrickle::state
