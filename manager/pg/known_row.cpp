#include "pg/known_row.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/pg_am_d.h"
#include "common/hashfn.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
}

namespace pgtrickle {

namespace {

struct KnownRow {
    Oid heap;
    Oid file; /* relfilenode; differs after the heap was rewritten or truncated */
    uint64 key;
    ItemPointerData tid;
};

constexpr uint64 place_count = 1024;
KnownRow *places; /* in TopMemoryContext; null until the first row is noted */

KnownRow *place_of(Relation heap, uint64 key)
{
    return &places[hash_combine64(key, RelationGetRelid(heap)) % place_count];
}

/* Scans remove dead versions from the pages that they read, a fetch by place does not: a row that is only found so, and
 * updated at each commit, would leave its page for a new one again and again. */
void prune(Relation heap, BlockNumber block)
{
    if (heap->rd_rel->relam != HEAP_TABLE_AM_OID)
        return;
    const Buffer buffer = ReadBuffer(heap, block);
    heap_page_prune_opt(heap, buffer);
    ReleaseBuffer(buffer);
}

} // namespace

void note_row(Relation heap, uint64 key, ItemPointer tid)
{
    if (places == nullptr)
        places = static_cast<KnownRow *>(MemoryContextAllocZero(TopMemoryContext, sizeof(KnownRow) * place_count));
    *place_of(heap, key) = {RelationGetRelid(heap), heap->rd_rel->relfilenode, key, *tid};
}

bool fetch_known_row(Relation heap, uint64 key, Snapshot snapshot, TupleTableSlot *slot)
{
    if (places == nullptr)
        return false;
    KnownRow *known = place_of(heap, key);
    if (known->heap != RelationGetRelid(heap) || known->file != heap->rd_rel->relfilenode || known->key != key)
        return false;
    const BlockNumber block = ItemPointerGetBlockNumber(&known->tid);
    /* Fetching from a block that was truncated away would raise an error. */
    if (block >= RelationGetNumberOfBlocks(heap))
        return false;
    prune(heap, block);
    return table_tuple_fetch_row_version(heap, &known->tid, snapshot, slot);
}

HeapTuple copy_known_row(Relation heap, AttrNumber column, Oid key, Snapshot snapshot)
{
    if (!has_known_rows())
        return nullptr;
    TupleTableSlot *slot = table_slot_create(heap, nullptr);
    HeapTuple found = nullptr;
    bool is_null;
    if (fetch_known_row(heap, key, snapshot, slot) && DatumGetObjectId(slot_getattr(slot, column, &is_null)) == key)
        found = ExecCopySlotHeapTuple(slot);
    ExecDropSingleTupleTableSlot(slot);
    return found;
}

bool has_known_rows()
{
    return places != nullptr;
}

} // namespace pgtrickle
