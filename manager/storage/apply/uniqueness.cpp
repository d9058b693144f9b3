/* The check is that of PostgreSQL's trigger for deferrable constraints, unique_key_recheck(). */
#include "storage/apply/uniqueness.hpp"

extern "C" {
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::storage {

struct PossibleDuplicate {
    const RowHeap *rows;
    Oid index;
    ItemPointerData tid;
    PossibleDuplicate *next;
};

namespace {

/* Returns the position of an index among those of the heap. */
int position_of(const RowHeap *rows, Oid index)
{
    for (int i = 0; i < rows->result_info->ri_NumIndices; i++)
        if (RelationGetRelid(rows->result_info->ri_IndexRelationDescs[i]) == index)
            return i;
    elog(ERROR, "index %u is not open", index);
}

/* Whether the row at the place, or a later version that the same index entry leads to, exists. */
bool fetch_existing(Relation heap, ItemPointerData tid, TupleTableSlot *slot)
{
    bool is_more = false;
    IndexFetchTableData *fetch = table_index_fetch_begin(heap);
    const bool is_found = table_index_fetch_tuple(fetch, &tid, SnapshotSelf, slot, &is_more, nullptr);
    table_index_fetch_end(fetch);
    return is_found;
}

/* The entry is found by the first version of its row, even if a later one exists now. */
void check_row(Arrangement *arrangement, const PossibleDuplicate *possible, TupleTableSlot *slot)
{
    const RowHeap *rows = possible->rows;
    if (!fetch_existing(rows->heap, possible->tid, slot))
        return;
    const int position = position_of(rows, possible->index);
    IndexInfo *info = rows->result_info->ri_IndexRelationInfo[position];
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    ItemPointerData tid = possible->tid;
    GetPerTupleExprContext(arrangement->executor_state)->ecxt_scantuple = slot;
    FormIndexDatum(info, slot, arrangement->executor_state, values, nulls);
    index_insert(rows->result_info->ri_IndexRelationDescs[position], values, nulls, &tid, rows->heap,
                 UNIQUE_CHECK_EXISTING, false, info);
    ResetPerTupleExprContext(arrangement->executor_state);
}

} // namespace

void note_duplicate(Arrangement *arrangement, const RowHeap *rows, List *indexes, const ItemPointerData *tid)
{
    ListCell *cell;
    foreach (cell, indexes) {
        auto *possible =
            static_cast<PossibleDuplicate *>(MemoryContextAlloc(arrangement->context, sizeof(PossibleDuplicate)));
        *possible = {rows, lfirst_oid(cell), *tid, arrangement->possible_duplicates};
        arrangement->possible_duplicates = possible;
    }
    list_free(indexes);
}

void check_uniqueness(Arrangement *arrangement)
{
    if (arrangement->possible_duplicates == nullptr)
        return;
    TupleTableSlot *slot = MakeSingleTupleTableSlot(arrangement->descriptor, &TTSOpsBufferHeapTuple);
    for (; arrangement->possible_duplicates != nullptr;
         arrangement->possible_duplicates = arrangement->possible_duplicates->next) {
        CHECK_FOR_INTERRUPTS();
        check_row(arrangement, arrangement->possible_duplicates, slot);
        ExecClearTuple(slot);
    }
    ExecDropSingleTupleTableSlot(slot);
}

} // namespace pgtrickle::storage
