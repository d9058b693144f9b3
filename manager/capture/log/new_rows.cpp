#include "capture/log/new_rows.hpp"

#include "capture/log/anchor.hpp"
#include "capture/log/segment.hpp"
#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/genam.h"
#include "access/itup.h"
#include "access/tableam.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

#include <algorithm>

/* PostgreSQL frames: nothing in this file has a destructor. Frontier, which has one, is only read through a reference
 * to the caller's. */

namespace pgtrickle::capture {

namespace {

/* Entries of an xid that are passed one by one before the next xid is sought: a descent costs more than a few. */
constexpr int most_passed = 64;

struct Blocks {
    BlockNumber *items;
    Size count;
    Size capacity;
};

void add_block(Blocks *blocks, BlockNumber block)
{
    if (blocks->count > 0 && blocks->items[blocks->count - 1] == block)
        return;
    if (blocks->count == blocks->capacity) {
        blocks->capacity *= 2;
        blocks->items =
            static_cast<BlockNumber *>(repalloc_huge(blocks->items, sizeof(BlockNumber) * blocks->capacity));
    }
    blocks->items[blocks->count++] = block;
}

struct Search {
    IndexScanDesc scan;
    TupleDesc desc; /* of the index */
    const Frontier *frontier;
    Blocks blocks;
};

bool may_be_new(const Frontier *frontier, uint64 xid)
{
    return xid >= frontier->xmax || std::binary_search(frontier->xip.begin(), frontier->xip.end(), xid);
}

void seek(Search *search, uint64 first, uint64 last)
{
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], l_xid, BTGreaterEqualStrategyNumber, F_XID8GE, UInt64GetDatum(first));
    ScanKeyInit(&keys[1], l_xid, BTLessEqualStrategyNumber, F_XID8LE, UInt64GetDatum(last));
    index_rescan(search->scan, keys, 2, nullptr, 0);
}

/* Adds the blocks of the entries from `first` to `last`. Of xids that the frontier includes, only anchors are needed.
 */
void search(Search *search, uint64 first, uint64 last)
{
    seek(search, first, last);
    uint64 included = 0; /* the last xid that the frontier includes, with its entries and the block of the last one */
    int entries = 0;
    BlockNumber anchor = InvalidBlockNumber;
    while (ItemPointer place = index_getnext_tid(search->scan, ForwardScanDirection)) {
        bool is_null;
        const uint64 xid = DatumGetUInt64(index_getattr(search->scan->xs_itup, 1, search->desc, &is_null));
        const BlockNumber block = ItemPointerGetBlockNumber(place);
        CHECK_FOR_INTERRUPTS();
        if (may_be_new(search->frontier, xid)) {
            add_block(&search->blocks, block);
            continue;
        }
        if (xid != included && entries == 1)
            add_block(&search->blocks, anchor);
        entries = xid == included ? entries + 1 : 1;
        included = xid;
        anchor = block;
        if (entries == most_passed)
            seek(search, xid + 1, last);
    }
    if (entries == 1)
        add_block(&search->blocks, anchor);
}

uint64 below(uint64 xid)
{
    return xid < anchor_reach ? 0 : xid - (anchor_reach - 1);
}

/* Leaves the blocks sorted, each once. */
void find_blocks(Relation segment, Snapshot snapshot, Search *found)
{
    Relation index = index_open(index_of(segment), AccessShareLock);
    found->desc = RelationGetDescr(index);
    found->scan = begin_index_scan(segment, index, snapshot, 2);
    found->scan->xs_want_itup = true;
    const Frontier *frontier = found->frontier;
    /* xids whose anchors may be the same ones are searched together. */
    uint64 first = below(frontier->xmax), last = PG_UINT64_MAX;
    for (size_t i = frontier->xip.size(); i-- > 0;) {
        const uint64 xid = frontier->xip[i];
        if (xid + 1 < first) {
            search(found, first, last);
            last = xid;
        }
        first = below(xid);
    }
    search(found, first, last);
    index_endscan(found->scan);
    index_close(index, AccessShareLock);
    Blocks *blocks = &found->blocks;
    std::sort(blocks->items, blocks->items + blocks->count);
    blocks->count = std::unique(blocks->items, blocks->items + blocks->count) - blocks->items;
}

} // namespace

void read_new_rows(Relation segment, const SourceRow *source, int number, const Frontier &frontier, Snapshot snapshot,
                   RowReader read, void *argument)
{
    const BlockNumber block_count = RelationGetNumberOfBlocks(segment);
    if (block_count == 0)
        return;
    constexpr Size at_first = 64;
    Search found = {nullptr, nullptr, &frontier, {nullptr, 0, at_first}};
    found.blocks.items = static_cast<BlockNumber *>(palloc(sizeof(BlockNumber) * at_first));
    if (segment->rd_rel->relfilenode == source->files[number])
        find_blocks(segment, snapshot, &found);
    else
        for (BlockNumber block = 0; block < block_count; block++)
            add_block(&found.blocks, block);
    const BlockNumber *blocks = found.blocks.items;
    TupleTableSlot *row = table_slot_create(segment, nullptr);
    TableScanDesc scan = nullptr;
    bool goes_on = true;
    for (Size i = 0, next; i < found.blocks.count && goes_on; i = next) {
        for (next = i + 1; next < found.blocks.count && blocks[next] == blocks[next - 1] + 1;)
            next++;
        ItemPointerData first, last;
        ItemPointerSet(&first, blocks[i], FirstOffsetNumber);
        ItemPointerSet(&last, blocks[next - 1], MaxOffsetNumber);
        if (scan == nullptr)
            scan = table_beginscan_tidrange(segment, snapshot, &first, &last);
        else
            table_rescan_tidrange(scan, &first, &last);
        while (goes_on && table_scan_getnextslot_tidrange(scan, ForwardScanDirection, row)) {
            goes_on = read(argument, row);
            CHECK_FOR_INTERRUPTS();
        }
    }
    ExecDropSingleTupleTableSlot(row);
    if (scan != nullptr)
        table_endscan(scan);
    pfree(found.blocks.items);
}

} // namespace pgtrickle::capture
