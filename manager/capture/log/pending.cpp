#include "capture/log/pending.hpp"

#include "capture/log/new_rows.hpp"
#include "capture/log/segment.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/table.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
}

namespace pgtrickle::capture {

namespace {

struct Counting {
    Pending pending;
    const Frontier *frontier;
};

bool count_row(void *argument, TupleTableSlot *row)
{
    auto *counting = static_cast<Counting *>(argument);
    slot_getallattrs(row);
    const Datum *values = row->tts_values;
    if (counting->frontier->includes(DatumGetUInt64(values[l_xid - 1]), DatumGetInt32(values[l_seq - 1])))
        return true;
    const int32 rows = DatumGetInt32(values[l_n - 1]);
    if (rows == 0) {
        counting->pending.has_marker = true;
        return true;
    }
    counting->pending.rows += rows;
    const int column = row->tts_isnull[l_data - 1] ? l_overflow : l_data;
    counting->pending.bytes += static_cast<int64>(toast_datum_size(values[column - 1]));
    return true;
}

void count_segment(Counting *counting, Snapshot snapshot, const SourceRow *source, int number)
{
    Relation segment = try_table_open(source->segments[number], AccessShareLock);
    if (segment == nullptr)
        return;
    read_new_rows(segment, source, number, *counting->frontier, snapshot, count_row, counting);
    table_close(segment, AccessShareLock);
}

} // namespace

Pending pending_of(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    Counting counting = {{}, &frontier};
    SourceRow row;
    if (!find_source(source, &row))
        return {};
    for (int i = 0; i < segment_count; i++)
        count_segment(&counting, snapshot, &row, i);
    return counting.pending;
}

} // namespace pgtrickle::capture
