#include "refresh/run/net_changes.hpp"

#include "storage/apply/image_list.hpp"

extern "C" {
#include "executor/executor.h"
#include "miscadmin.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* Puts each image as often as its weight says; returns the number of rows put. */
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

/* For more rows, hashes are not kept: they would take more than 64 MB. */
constexpr int64_t most_hashed = 8'000'000;

constexpr uint64 buckets_a_row = 8;
constexpr uint64 bits_a_word = 64;

/* A set of buckets of hashes. */
struct Buckets {
    uint64 *words;
    uint64 mask; /* one less than the number of buckets, a power of two */

    explicit Buckets(int64_t rows) : words(nullptr), mask(bits_a_word - 1)
    {
        while (mask < static_cast<uint64>(rows) * buckets_a_row)
            mask = mask * 2 + 1;
        words = static_cast<uint64 *>(
            MemoryContextAllocExtended(CurrentMemoryContext, (mask + 1) / 8, MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE));
    }
    /* Adds a hash; returns whether its bucket was in the set before. */
    bool add(int64 hash) const
    {
        const uint64 bucket = static_cast<uint64>(hash) & mask;
        const uint64 bit = uint64{1} << bucket % bits_a_word;
        const bool was_in = (words[bucket / bits_a_word] & bit) != 0;
        words[bucket / bits_a_word] |= bit;
        return was_in;
    }
    bool has(int64 hash) const
    {
        const uint64 bucket = static_cast<uint64>(hash) & mask;
        return (words[bucket / bits_a_word] >> bucket % bits_a_word & 1) != 0;
    }
};

struct Hashes {
    int64 *values;
    int64_t count;

    bool has(int64 hash) const { return std::binary_search(values, values + count, hash); }
};

/* Calls visit(slot, hash) for each row. PostgreSQL frame. */
template <class Visit>
void for_rows(Tuplestorestate *rows, TupleDesc descriptor, const storage::Identity &identity, Visit visit)
{
    MemoryContext row_memory = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle image", ALLOCSET_SMALL_SIZES);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    while (tuplestore_gettupleslot(rows, true, false, slot)) {
        CHECK_FOR_INTERRUPTS();
        slot_getallattrs(slot);
        MemoryContext previous = MemoryContextSwitchTo(row_memory);
        const int64 hash = identity.hash(slot->tts_values, slot->tts_isnull);
        MemoryContextSwitchTo(previous);
        visit(slot, hash);
        MemoryContextReset(row_memory);
    }
    ExecDropSingleTupleTableSlot(slot);
    MemoryContextDelete(row_memory);
}

/* Returns the hashes that several rows have, which include those of each image that occurs twice. Only hashes
 * that share a bucket are sorted, which are few unless many repeat. */
Hashes repeated_hashes(Tuplestorestate *changes, int64_t count, TupleDesc descriptor, const storage::Identity &identity)
{
    auto *hashes = static_cast<int64 *>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * count));
    int64 *end = hashes;
    const Buckets met(count), met_again(count);
    for_rows(changes, descriptor, identity, [&](TupleTableSlot *, int64 hash) {
        *end++ = hash;
        if (met.add(hash))
            met_again.add(hash);
    });
    tuplestore_rescan(changes);
    end = std::remove_if(hashes, end, [&](int64 hash) { return !met_again.has(hash); });
    pfree(met.words);
    pfree(met_again.words);
    std::sort(hashes, end);
    int64 *repeated = hashes;
    for (int64 *run = hashes; run != end;) {
        int64 *next = std::find_if(run, end, [=](int64 hash) { return hash != *run; });
        if (next - run > 1)
            *repeated++ = *run;
        run = next;
    }
    return {hashes, repeated - hashes};
}

} // namespace

NetChanges net_changes(Tuplestorestate *changes, int64_t count, TupleDesc descriptor)
{
    const int column_count = descriptor->natts - 1;
    storage::Identity identity = storage::Identity::of_image(descriptor, column_count);
    const bool are_hashes_known = count <= most_hashed;
    Hashes repeated{nullptr, 0};
    if (are_hashes_known)
        repeated = repeated_hashes(changes, count, descriptor, identity);
    if (are_hashes_known && repeated.count == 0) {
        pfree(repeated.values);
        return {changes, count};
    }
    auto *positions = static_cast<int *>(palloc(sizeof(int) * (column_count + 1)));
    for (int i = 0; i < column_count; i++)
        positions[i] = i;
    storage::DeltaSort *sort = storage::begin_delta_sort(descriptor, &identity, positions, storage::DeltaOrder::hash);
    Tuplestorestate *out = tuplestore_begin_heap(false, false, work_mem);
    int64_t rows = 0;
    for_rows(changes, descriptor, identity, [&](TupleTableSlot *slot, int64 hash) {
        if (!are_hashes_known || repeated.has(hash)) {
            storage::put_row(sort, slot->tts_values, slot->tts_isnull);
        } else {
            tuplestore_puttupleslot(out, slot);
            rows++;
        }
    });
    tuplestore_end(changes);
    if (are_hashes_known)
        pfree(repeated.values);
    storage::finish_rows(sort);
    storage::for_images(sort, identity,
                        [&](const storage::Image *images, int64) { rows += put_images(images, descriptor, out); });
    storage::end_delta_sort(sort);
    return {out, rows};
}

} // namespace pgtrickle::refresh
