#include "storage/column_settings.hpp"

#include "storage/partitions.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <iterator>

namespace pgtrickle::storage {

namespace {

/* Options of columns that ANALYZE uses. PostgreSQL may keep others of its own beside them. */
constexpr const char *analyze_options[] = {"n_distinct", "n_distinct_inherited"};

/* A row of pg_attribute in parts, for heap_modify_tuple(). */
struct Change {
    Datum values[Natts_pg_attribute] = {};
    bool nulls[Natts_pg_attribute] = {};
    bool replaces[Natts_pg_attribute] = {};
    bool is_needed = false;
};

void set(Change *change, Relation attributes, HeapTuple given, AttrNumber column, Datum value, bool is_null)
{
    Form_pg_attribute description = TupleDescAttr(RelationGetDescr(attributes), column - 1);
    bool was_null;
    const Datum present = SysCacheGetAttr(ATTNAME, given, column, &was_null);
    /* A stored array of options has a short header. */
    if (is_null == was_null && (is_null || datum_image_eq(value, present, description->attbyval, description->attlen)))
        return;
    change->values[column - 1] = value;
    change->nulls[column - 1] = is_null;
    change->replaces[column - 1] = change->is_needed = true;
}

void copy(Change *change, Relation attributes, HeapTuple wanted, HeapTuple given, AttrNumber column)
{
    bool is_null;
    const Datum value = SysCacheGetAttr(ATTNAME, wanted, column, &is_null);
    set(change, attributes, given, column, value, is_null);
}

List *options_of(HeapTuple attribute, Datum *options)
{
    bool is_null;
    *options = SysCacheGetAttr(ATTNAME, attribute, Anum_pg_attribute_attoptions, &is_null);
    *options = is_null ? static_cast<Datum>(0) : *options;
    return is_null ? NIL : untransformRelOptions(*options);
}

bool is_for_analyze(const char *name)
{
    return std::any_of(std::begin(analyze_options), std::end(analyze_options),
                       [=](const char *option) { return strcmp(option, name) == 0; });
}

void copy_options(Change *change, Relation attributes, HeapTuple wanted, HeapTuple given)
{
    Datum ignored, options;
    List *all = options_of(wanted, &ignored), *reset = NIL, *set_to = NIL;
    (void)options_of(given, &options);
    for (const char *name : analyze_options)
        reset = lappend(reset, makeDefElem(pstrdup(name), nullptr, -1));
    ListCell *cell;
    foreach (cell, all)
        if (is_for_analyze(lfirst_node(DefElem, cell)->defname))
            set_to = lappend(set_to, lfirst(cell));
    options = transformRelOptions(options, reset, nullptr, nullptr, false, true);
    options = transformRelOptions(options, set_to, nullptr, nullptr, false, false);
    set(change, attributes, given, Anum_pg_attribute_attoptions, options, options == static_cast<Datum>(0));
}

void copy_column(Relation attributes, Oid heap, const char *name, HeapTuple wanted, bool has_same_types)
{
    HeapTuple given = SearchSysCacheCopyAttName(heap, name);
    if (!HeapTupleIsValid(given))
        return;
    Change change;
    copy(&change, attributes, wanted, given, Anum_pg_attribute_attstattarget);
    if (has_same_types)
        copy(&change, attributes, wanted, given, Anum_pg_attribute_attstorage);
    copy_options(&change, attributes, wanted, given);
    if (!change.is_needed)
        return;
    LockRelationOid(heap, ShareUpdateExclusiveLock);
    HeapTuple changed =
        heap_modify_tuple(given, RelationGetDescr(attributes), change.values, change.nulls, change.replaces);
    CatalogTupleUpdate(attributes, &given->t_self, changed);
}

void copy_columns(Oid relid, const List *others, bool has_same_types)
{
    Relation attributes = table_open(AttributeRelationId, RowExclusiveLock);
    Relation table = table_open(relid, AccessShareLock);
    for (int i = 0; i < RelationGetNumberOfAttributes(table); i++) {
        const char *name = NameStr(TupleDescAttr(RelationGetDescr(table), i)->attname);
        HeapTuple wanted = SearchSysCacheAttName(relid, name);
        if (!HeapTupleIsValid(wanted))
            continue;
        ListCell *cell;
        foreach (cell, others)
            copy_column(attributes, lfirst_oid(cell), name, wanted, has_same_types);
        ReleaseSysCache(wanted);
    }
    table_close(table, NoLock);
    table_close(attributes, RowExclusiveLock);
    CommandCounterIncrement();
}

} // namespace

void copy_column_settings(Oid relid, Oid storage)
{
    copy_column_settings_to(relid, list_append_unique_oid(row_heaps(storage), storage));
}

void copy_column_settings_to(Oid relid, const List *heaps)
{
    copy_columns(relid, heaps, true);
}

void copy_settings_for_analyze(Oid relid, Oid successor)
{
    copy_columns(relid, list_make1_oid(successor), false);
}

} // namespace pgtrickle::storage
