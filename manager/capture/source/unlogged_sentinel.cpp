#include "capture/source/unlogged_sentinel.hpp"

#include "capture/source/inheritance.hpp"
#include "capture/source/source_rows.hpp"
#include "definition/state/extension_table.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

bool is_unlogged(Oid source)
{
    ListCell *cell;
    foreach (cell, tree_of(source, NoLock))
        if (get_rel_persistence(lfirst_oid(cell)) == RELPERSISTENCE_UNLOGGED)
            return true;
    return false;
}

/* Whether the snapshot sees a sentinel; removes it if `removes` is set. */
bool find_sentinel(Oid source, bool removes, Snapshot snapshot)
{
    Relation table = table_open(definition::extension_relation("pgt_unlogged_sentinel"),
                                removes ? RowExclusiveLock : AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan = definition::begin_scan_by_oid(table, "pgt_unlogged_sentinel_pkey", 1, source, &key, snapshot);
    HeapTuple tuple = systable_getnext(scan);
    const bool is_there = HeapTupleIsValid(tuple);
    if (is_there && removes)
        CatalogTupleDelete(table, &tuple->t_self);
    systable_endscan(scan);
    table_close(table, NoLock);
    return is_there;
}

} // namespace

bool is_sentinel_missing(const SourceRow &source, Snapshot snapshot)
{
    return !RecoveryInProgress() && (source.was_unlogged || is_unlogged(source.relid)) &&
           !find_sentinel(source.relid, false, snapshot);
}

bool is_sentinel_missing(Oid source)
{
    SourceRow row;
    return find_source(source, &row) && is_sentinel_missing(row, nullptr);
}

void insert_sentinel(Oid source)
{
    SourceRow row;
    if (!find_source(source, &row) || !is_sentinel_missing(row, nullptr))
        return;
    if (!row.was_unlogged) {
        row.was_unlogged = true;
        update_source(&row, {s_unlogged});
    }
    Relation table = table_open(definition::extension_relation("pgt_unlogged_sentinel"), RowExclusiveLock);
    Datum value = ObjectIdGetDatum(source);
    bool is_null = false;
    CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), &value, &is_null));
    table_close(table, NoLock);
    CommandCounterIncrement();
}

void remove_sentinel(Oid source)
{
    if (OidIsValid(definition::extension_relation("pgt_unlogged_sentinel")))
        (void)find_sentinel(source, true, nullptr);
}

} // namespace pgtrickle::capture
