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

/* The hash of an image, whose lowest bit is set if the row has been removed. */
using SignedHash = uint64;

SignedHash signed_hash(int64 hash, bool is_removed)
{
    return (static_cast<uint64>(hash) & ~uint64{1}) | (is_removed ? 1 : 0);
}

bool is_same_hash(SignedHash one, SignedHash other)
{
    return (one | 1) == (other | 1);
}

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
    void add(SignedHash hash) const { words[word_of(hash)] |= bit_of(hash); }
    bool has(SignedHash hash) const { return (words[word_of(hash)] & bit_of(hash)) != 0; }

  private:
    uint64 bucket_of(SignedHash hash) const { return hash >> 1 & mask; }
    uint64 word_of(SignedHash hash) const { return bucket_of(hash) / bits_a_word; }
    uint64 bit_of(SignedHash hash) const { return uint64{1} << bucket_of(hash) % bits_a_word; }
};

/* Hashes of rows with both signs, ascending, without signs. */
struct Hashes {
    SignedHash *values;
    int64_t count;

    bool has(SignedHash hash) const { return std::binary_search(values, values + count, hash & ~uint64{1}); }
};

/* Calls visit(slot, hash) for each row. PostgreSQL frame. */
template <class Visit>
void for_rows(Tuplestorestate *rows, TupleDesc descriptor, const storage::Identity &identity, Visit visit)
{
    MemoryContext row_memory = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle image", ALLOCSET_SMALL_SIZES);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    const int weight_position = descriptor->natts - 1;
    while (tuplestore_gettupleslot(rows, true, false, slot)) {
        CHECK_FOR_INTERRUPTS();
        slot_getallattrs(slot);
        MemoryContext previous = MemoryContextSwitchTo(row_memory);
        const int64 hash = identity.hash(slot->tts_values, slot->tts_isnull);
        MemoryContextSwitchTo(previous);
        visit(slot, signed_hash(hash, DatumGetInt64(slot->tts_values[weight_position]) < 0));
        MemoryContextReset(row_memory);
    }
    ExecDropSingleTupleTableSlot(slot);
    MemoryContextDelete(row_memory);
}

/* Leaves each hash that occurs with both signs once, without them. Returns their number. */
int64_t keep_opposite(SignedHash *hashes, SignedHash *end)
{
    std::sort(hashes, end);
    SignedHash *kept = hashes;
    for (SignedHash *run = hashes; run != end;) {
        const SignedHash hash = *run;
        SignedHash *next = std::find_if(run, end, [=](SignedHash other) { return !is_same_hash(hash, other); });
        if (hash != next[-1])
            *kept++ = hash & ~uint64{1};
        run = next;
    }
    return kept - hashes;
}

/* Returns the hashes that rows of both signs have, which include those of each image that has been both added and
 * removed. Only hashes that share a bucket with one of the other sign are sorted. */
Hashes opposite_hashes(Tuplestorestate *changes, int64_t count, TupleDesc descriptor, const storage::Identity &identity)
{
    auto *hashes = static_cast<SignedHash *>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SignedHash) * count));
    SignedHash *end = hashes;
    const Buckets added(count), removed(count);
    for_rows(changes, descriptor, identity, [&](TupleTableSlot *, SignedHash hash) {
        *end++ = hash;
        ((hash & 1) != 0 ? removed : added).add(hash);
    });
    tuplestore_rescan(changes);
    end = std::remove_if(hashes, end, [&](SignedHash hash) { return !((hash & 1) != 0 ? added : removed).has(hash); });
    pfree(added.words);
    pfree(removed.words);
    return {hashes, keep_opposite(hashes, end)};
}

} // namespace

NetChanges net_changes(Tuplestorestate *changes, int64_t count, TupleDesc descriptor)
{
    const int column_count = descriptor->natts - 1;
    storage::Identity identity = storage::Identity::of_image(descriptor, column_count);
    const bool are_hashes_known = count <= most_hashed;
    Hashes opposite{nullptr, 0};
    if (are_hashes_known)
        opposite = opposite_hashes(changes, count, descriptor, identity);
    if (are_hashes_known && opposite.count == 0) {
        pfree(opposite.values);
        return {changes, count};
    }
    auto *positions = static_cast<int *>(palloc(sizeof(int) * (column_count + 1)));
    for (int i = 0; i < column_count; i++)
        positions[i] = i;
    storage::DeltaSort *sort = storage::begin_delta_sort(descriptor, &identity, positions, storage::DeltaOrder::hash);
    Tuplestorestate *out = tuplestore_begin_heap(false, false, work_mem);
    int64_t rows = 0;
    for_rows(changes, descriptor, identity, [&](TupleTableSlot *slot, SignedHash hash) {
        if (!are_hashes_known || opposite.has(hash)) {
            storage::put_row(sort, slot->tts_values, slot->tts_isnull);
        } else {
            tuplestore_puttupleslot(out, slot);
            rows++;
        }
    });
    tuplestore_end(changes);
    if (are_hashes_known)
        pfree(opposite.values);
    storage::finish_rows(sort);
    storage::for_images(sort, identity,
                        [&](const storage::Image *images, int64) { rows += put_images(images, descriptor, out); });
    storage::end_delta_sort(sort);
    return {out, rows};
}

} // namespace pgtrickle::refresh
