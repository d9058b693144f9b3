#include "definition/state/all_states.hpp"

#include "definition/state/extension_table.hpp"
#include "definition/state/state.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::state {

StateSummary *all_summaries(int *count)
{
    int size = 64;
    auto *glances = static_cast<StateSummary *>(palloc(sizeof(StateSummary) * size));
    *count = 0;
    Relation table = definition::open_extension_table("pgt_state", AccessShareLock);
    if (table == nullptr)
        return glances;
    Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(table)));
    List *marked = all_marked(snapshot);
    SysScanDesc scan = systable_beginscan(table, InvalidOid, false, snapshot, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Datum values[column_count];
        bool nulls[column_count];
        heap_deform_tuple(tuple, RelationGetDescr(table), values, nulls);
        if (*count == size) {
            size *= 2;
            glances = static_cast<StateSummary *>(repalloc(glances, sizeof(StateSummary) * size));
        }
        StateSummary *glance = &glances[(*count)++];
        glance->relid = DatumGetObjectId(values[Column::relid - 1]);
        glance->generation = DatumGetInt64(values[Column::generation - 1]);
        ListCell *cell;
        foreach (cell, marked)
            glance->generation += lfirst_oid(cell) == glance->relid ? 1 : 0;
        glance->consecutive_errors = DatumGetInt32(values[Column::consecutive_errors - 1]);
        glance->is_populated = DatumGetBool(values[Column::is_populated - 1]);
        const bool is_filled = glance->is_populated && !nulls[Column::data_timestamp - 1];
        glance->data_timestamp = is_filled ? DatumGetTimestampTz(values[Column::data_timestamp - 1]) : 0;
        char *status = TextDatumGetCString(values[Column::status - 1]);
        strlcpy(glance->status, status, sizeof(glance->status));
        pfree(status);
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(table, AccessShareLock);
    return glances;
}

List *all_stream_tables()
{
    List *relids = NIL;
    Relation table = definition::open_extension_table("pgt_state", AccessShareLock);
    if (table == nullptr)
        return NIL;
    SysScanDesc scan =
        systable_beginscan(table, definition::extension_relation("pgt_state_pkey"), true, nullptr, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool is_null;
        relids = lappend_oid(relids,
                             DatumGetObjectId(heap_getattr(tuple, Column::relid, RelationGetDescr(table), &is_null)));
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    list_sort(relids, list_oid_cmp);
    return relids;
}

} // namespace pgtrickle::state
