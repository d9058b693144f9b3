#include "refresh/net_changes.hpp"

#include "storage/delta_sort.hpp"

extern "C" {
#include "executor/executor.h"
#include "miscadmin.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* One image among the rows that share a hash. */
struct Image {
    storage::KeptRow row;
    int64 weight;
    Image *next;
};

struct Net {
    const storage::Identity *identity;
    storage::DeltaSort *sort;
    TupleDesc descriptor;
    int weight_position;
    Tuplestorestate *out;
    int64_t rows;
};

void add_row(const Net *net, Image **images)
{
    TupleTableSlot *slot = net->sort->slot;
    int64 weight = DatumGetInt64(slot->tts_values[net->weight_position]);
    for (Image *image = *images; image != nullptr; image = image->next)
        if (net->identity->is_same(image->row.values, image->row.nulls, slot->tts_values, slot->tts_isnull)) {
            image->weight += weight;
            return;
        }
    auto *image = static_cast<Image *>(palloc(sizeof(Image)));
    *image = {storage::keep_row(slot), weight, *images};
    *images = image;
}

void put_images(Net *net, Image *images)
{
    for (Image *image = images; image != nullptr; image = image->next) {
        int64 sign = image->weight < 0 ? -1 : 1;
        image->row.values[net->weight_position] = Int64GetDatum(sign);
        for (int64 i = 0; i != image->weight; i += sign) {
            tuplestore_putvalues(net->out, net->descriptor, image->row.values, image->row.nulls);
            net->rows++;
        }
    }
}

void put_net_rows(Net *net)
{
    MemoryContext hash_memory = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle net changes",
                                                      ALLOCSET_SMALL_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(hash_memory);
    Image *images = nullptr;
    int64 hash = 0;
    while (storage::next_row(net->sort)) {
        CHECK_FOR_INTERRUPTS();
        if (images != nullptr && storage::hash_of_row(net->sort) != hash) {
            put_images(net, images);
            images = nullptr;
            MemoryContextReset(hash_memory);
        }
        hash = storage::hash_of_row(net->sort);
        add_row(net, &images);
    }
    put_images(net, images);
    MemoryContextSwitchTo(previous);
    MemoryContextDelete(hash_memory);
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
    Net net = {&identity, sort, descriptor, column_count, tuplestore_begin_heap(false, false, work_mem), 0};
    put_net_rows(&net);
    storage::end_delta_sort(sort);
    return {net.out, net.rows};
}

} // namespace pgtrickle::refresh
