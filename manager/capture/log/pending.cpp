#include "capture/log/pending.hpp"

#include "capture/log/segment.hpp"
#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace pgtrickle::capture {

namespace {

void count_chunk(Pending *pending, const Frontier &frontier, TupleTableSlot *slot)
{
    slot_getallattrs(slot);
    const Datum *values = slot->tts_values;
    if (frontier.includes(DatumGetUInt64(values[l_xid - 1]), DatumGetInt32(values[l_seq - 1])))
        return;
    const int32 rows = DatumGetInt32(values[l_n - 1]);
    if (rows == 0) {
        pending->has_marker = true;
        return;
    }
    pending->rows += rows;
    const int column = slot->tts_isnull[l_data - 1] ? l_overflow : l_data;
    pending->bytes += static_cast<int64>(toast_datum_size(values[column - 1]));
}

void count_by_index(Pending *pending, const Frontier &frontier, IndexScanDesc scan, TupleTableSlot *slot,
                    StrategyNumber strategy, RegProcedure procedure, uint64 xid)
{
    ScanKeyData key;
    ScanKeyInit(&key, l_xid, strategy, procedure, UInt64GetDatum(xid));
    index_rescan(scan, &key, 1, nullptr, 0);
    while (index_getnext_slot(scan, ForwardScanDirection, slot)) {
        count_chunk(pending, frontier, slot);
        CHECK_FOR_INTERRUPTS();
    }
}

/* Reads the segment as a refresh does: xid >= xmax, and each xid that was running at the frontier. */
void count_segment(Pending *pending, const Frontier &frontier, Snapshot snapshot, Oid segment_oid)
{
    Relation segment = try_table_open(segment_oid, AccessShareLock);
    if (segment == nullptr)
        return;
    if (RelationGetNumberOfBlocks(segment) > 0) {
        Relation index = index_open(index_of(segment), AccessShareLock);
        TupleTableSlot *slot = table_slot_create(segment, nullptr);
        IndexScanDesc scan = begin_index_scan(segment, index, snapshot, 1);
        count_by_index(pending, frontier, scan, slot, BTGreaterEqualStrategyNumber, F_XID8GE, frontier.xmax);
        for (uint64_t xid : frontier.xip)
            count_by_index(pending, frontier, scan, slot, BTEqualStrategyNumber, F_XID8EQ, xid);
        index_endscan(scan);
        ExecDropSingleTupleTableSlot(slot);
        index_close(index, AccessShareLock);
    }
    table_close(segment, AccessShareLock);
}

} // namespace

Pending pending_of(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    Pending pending;
    SourceRow row;
    if (!find_source(source, &row))
        return pending;
    for (Oid segment : row.segments)
        count_segment(&pending, frontier, snapshot, segment);
    return pending;
}

} // namespace pgtrickle::capture
