#include "storage/apply/placement.hpp"

#include "storage/index_locks.hpp"
#include "storage/partitions.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::storage {

namespace {

struct Ranges {
    Range *ranges;
    int count;
    int most;
};

/* Rows of one range are often adjacent. */
void add(Ranges *ranges, const Range &range)
{
    for (int i = ranges->count - 1; i >= 0; i--)
        if (ranges->ranges[i].from == range.from)
            return;
    if (ranges->count < ranges->most)
        ranges->ranges[ranges->count++] = range;
}

/* Calls visit() for each row of a partition, in arrangement->found. */
template <class Visit> void for_rows_of(Arrangement *arrangement, Oid partition, Visit visit)
{
    Relation heap = table_open(partition, RowExclusiveLock);
    TableScanDesc scan = table_beginscan(heap, GetActiveSnapshot(), 0, nullptr);
    while (table_scan_getnextslot(scan, ForwardScanDirection, arrangement->found)) {
        CHECK_FOR_INTERRUPTS();
        slot_getallattrs(arrangement->found);
        visit(arrangement->found->tts_values, arrangement->found->tts_isnull);
    }
    table_endscan(scan);
    ExecClearTuple(arrangement->found);
    table_close(heap, NoLock);
}

bool is_of(Arrangement *arrangement, Oid partition, const Datum *values, const bool *nulls)
{
    return RelationGetRelid(row_heap_for(arrangement, values, nulls)->heap) == partition;
}

/* The hash of the place of a stored row. */
int64 stored_hash(Arrangement *arrangement, const Datum *values, const bool *nulls)
{
    const int count = arrangement->facts.column_count;
    if (arrangement->facts.found_by_count == 0)
        return DatumGetInt64(values[count]);
    for (int i = 0; i < arrangement->place.count(); i++) {
        arrangement->identity_values[i] = values[arrangement->place_positions[i]];
        arrangement->identity_nulls[i] = nulls[arrangement->place_positions[i]];
    }
    return arrangement->place.hash(arrangement->identity_values, arrangement->identity_nulls);
}

/* The indexes are locked before the storage, as readers wait for that lock. */
bool lock_for_partitions(Relation storage)
{
    const Oid oid = RelationGetRelid(storage);
    if (OidIsValid(lock_with_indexes_at_once(oid)))
        return false;
    if (ConditionalLockRelation(storage, AccessExclusiveLock))
        return true;
    unlock_with_indexes(oid);
    return false;
}

} // namespace

RowHeap *row_heap_for_fill(Arrangement *arrangement, const Datum *values, const bool *nulls)
{
    RowHeap *rows = row_heap_for(arrangement, values, nulls);
    Range range;
    if (arrangement->facts.ranges.unit == RangeUnit::none ||
        RelationGetRelid(rows->heap) != default_partition_of(arrangement->heap) ||
        room_for_partitions(arrangement->heap) == 0 || !has_range_of_its_own(arrangement, values, nulls, &range))
        return rows;
    create_range_partition(arrangement->heap, range);
    return row_heap_for(arrangement, values, nulls);
}

bool place_rows(Arrangement *arrangement)
{
    const Oid others = default_partition_of(arrangement->heap);
    const int room = room_for_partitions(arrangement->heap);
    if (room == 0)
        return true;
    PushActiveSnapshot(GetLatestSnapshot());
    Ranges missing = {static_cast<Range *>(palloc(sizeof(Range) * most_partitions)), 0, room};
    for_rows_of(arrangement, others, [&](const Datum *values, const bool *nulls) {
        Range range;
        if (has_range_of_its_own(arrangement, values, nulls, &range))
            add(&missing, range);
    });
    const bool may_place = missing.count == 0 || lock_for_partitions(arrangement->heap);
    if (may_place && missing.count > 0) {
        for (int i = 0; i < missing.count; i++)
            create_range_partition(arrangement->heap, missing.ranges[i]);
        mark_as_altered(arrangement->heap);
        for_rows_of(arrangement, others, [=](const Datum *values, const bool *nulls) {
            if (!is_of(arrangement, others, values, nulls))
                update_row(arrangement, address_of(arrangement->found), values, nulls,
                           stored_hash(arrangement, values, nulls));
        });
        CommandCounterIncrement();
    }
    PopActiveSnapshot();
    return may_place;
}

} // namespace pgtrickle::storage
