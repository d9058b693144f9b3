#include "refresh/net_changes.hpp"

#include "storage/images.hpp"

extern "C" {
#include "executor/executor.h"
#include "miscadmin.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* Puts each image as often as its weight says; returns how many rows that were. */
int64_t put_images(const storage::Image *images, TupleDesc descriptor, Tuplestorestate *out)
{
    const int weight_position = descriptor->natts - 1;
    int64_t rows = 0;
    for (const storage::Image *image = images; image != nullptr; image = image->next) {
        const int64 sign = image->weight < 0 ? -1 : 1;
        image->row.values[weight_position] = Int64GetDatum(sign);
        for (int64 i = 0; i != image->weight; i += sign) {
            tuplestore_putvalues(out, descriptor, image->row.values, image->row.nulls);
            rows++;
        }
    }
    return rows;
}

/* Beyond this many rows, their hashes are not kept in memory. */
constexpr int64_t most_compared = 100'000;

/* False only if no image occurs twice. Much cheaper than to sort the rows themselves. */
bool may_repeat_images(Tuplestorestate *changes, int64_t count, TupleDesc descriptor, const storage::Identity &identity)
{
    if (count > most_compared)
        return true;
    auto *hashes = static_cast<int64 *>(palloc(sizeof(int64) * count));
    int64 *end = hashes;
    MemoryContext row_memory = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle image", ALLOCSET_SMALL_SIZES);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    while (tuplestore_gettupleslot(changes, true, false, slot)) {
        slot_getallattrs(slot);
        MemoryContext previous = MemoryContextSwitchTo(row_memory);
        *end++ = identity.hash(slot->tts_values, slot->tts_isnull);
        MemoryContextSwitchTo(previous);
        MemoryContextReset(row_memory);
    }
    ExecDropSingleTupleTableSlot(slot);
    MemoryContextDelete(row_memory);
    tuplestore_rescan(changes);
    std::sort(hashes, end);
    bool repeats = std::adjacent_find(hashes, end) != end;
    pfree(hashes);
    return repeats;
}

} // namespace

NetChanges net_changes(Tuplestorestate *changes, int64_t count, TupleDesc descriptor)
{
    const int column_count = descriptor->natts - 1;
    storage::Identity identity = storage::Identity::of_image(descriptor, column_count);
    if (!may_repeat_images(changes, count, descriptor, identity))
        return {changes, count};
    auto *positions = static_cast<int *>(palloc(sizeof(int) * (column_count + 1)));
    for (int i = 0; i < column_count; i++)
        positions[i] = i;
    storage::DeltaSort *sort = storage::begin_delta_sort(descriptor, &identity, positions);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    while (tuplestore_gettupleslot(changes, true, false, slot)) {
        slot_getallattrs(slot);
        storage::put_row(sort, slot->tts_values, slot->tts_isnull);
    }
    ExecDropSingleTupleTableSlot(slot);
    storage::finish_rows(sort);
    tuplestore_end(changes);
    Tuplestorestate *out = tuplestore_begin_heap(false, false, work_mem);
    int64_t rows = 0;
    storage::for_images(sort, identity, [&](const storage::Image *images, int64) {
        rows += put_images(images, descriptor, out);
    });
    storage::end_delta_sort(sort);
    return {out, rows};
}

} // namespace pgtrickle::refresh
