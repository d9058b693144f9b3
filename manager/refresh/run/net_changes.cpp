#include "refresh/run/net_changes.hpp"

#include "storage/apply/image_list.hpp"

extern "C" {
#include "access/htup_details.h"
#include "common/hashfn.h"
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

constexpr SignedHash none = 0; /* a hash of 0 is replaced by another one */

SignedHash signed_hash(int64 hash, bool is_removed)
{
    const uint64 unsigned_hash = static_cast<uint64>(hash) & ~uint64{1};
    return (unsigned_hash != 0 ? unsigned_hash : 2) | (is_removed ? 1 : 0);
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

/* The hash of the row's bytes, which are those of its image, and the sign of its weight, which is its last value. */
SignedHash hash_of(MinimalTuple row)
{
    const char *end = reinterpret_cast<const char *>(row) + row->t_len - sizeof(int64);
    int64 weight;
    memcpy(&weight, end, sizeof(weight));
    const auto *image = reinterpret_cast<const unsigned char *>(row) + SizeofMinimalTupleHeader;
    const int length = static_cast<int>(reinterpret_cast<const unsigned char *>(end) - image);
    return signed_hash(DatumGetInt64(hash_any_extended(image, length, 0)), weight < 0);
}

/* Calls visit(slot) for each row. PostgreSQL frame. */
template <class Visit> void for_rows(Tuplestorestate *rows, TupleDesc descriptor, Visit visit)
{
    TupleTableSlot *slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    while (tuplestore_gettupleslot(rows, true, false, slot)) {
        CHECK_FOR_INTERRUPTS();
        visit(slot);
    }
    ExecDropSingleTupleTableSlot(slot);
}

MinimalTuple row_in(TupleTableSlot *slot)
{
    return reinterpret_cast<MinimalTupleTableSlot *>(slot)->mintuple;
}

SignedHash *allocate_hashes(int64_t count)
{
    return static_cast<SignedHash *>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SignedHash) * (count + 1)));
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
 * removed. Only hashes that share a bucket with one of the other sign are sorted. Those of the other rows become
 * `none`. */
Hashes opposite_hashes(SignedHash *hashes, int64_t count)
{
    const Buckets added(count), removed(count);
    for (int64_t i = 0; i < count; i++)
        ((hashes[i] & 1) != 0 ? removed : added).add(hashes[i]);
    int64_t shared = 0;
    for (int64_t i = 0; i < count; i++) {
        if (((hashes[i] & 1) != 0 ? added : removed).has(hashes[i]))
            shared++;
        else
            hashes[i] = none;
    }
    pfree(added.words);
    pfree(removed.words);
    SignedHash *opposite = allocate_hashes(shared);
    SignedHash *end = std::copy_if(hashes, hashes + count, opposite, [](SignedHash hash) { return hash != none; });
    return {opposite, keep_opposite(opposite, end)};
}

/* Replaces `changes` by their net: rows for which is_summed() is true are summed. Calls it once for each row, in
 * order. */
template <class IsSummed> NetChanges summed(Tuplestorestate *changes, TupleDesc descriptor, IsSummed is_summed)
{
    const int column_count = descriptor->natts - 1;
    storage::Identity identity = storage::Identity::of_image(descriptor, column_count);
    auto *positions = static_cast<int *>(palloc(sizeof(int) * (column_count + 1)));
    for (int i = 0; i < column_count; i++)
        positions[i] = i;
    storage::DeltaSort *sort = storage::begin_delta_sort(descriptor, &identity, positions, storage::DeltaOrder::hash);
    Tuplestorestate *out = tuplestore_begin_heap(false, false, maintenance_work_mem);
    int64_t rows = 0;
    for_rows(changes, descriptor, [&](TupleTableSlot *slot) {
        SignedHash hash;
        if (!is_summed(slot, &hash)) {
            tuplestore_puttupleslot(out, slot);
            rows++;
            return;
        }
        slot_getallattrs(slot);
        storage::put_hashed_row(sort, slot->tts_values, slot->tts_isnull, static_cast<int64>(hash & ~uint64{1}));
    });
    tuplestore_end(changes);
    storage::finish_rows(sort);
    storage::for_images(sort, identity,
                        [&](const storage::Image *images, int64) { rows += put_images(images, descriptor, out); });
    storage::end_delta_sort(sort);
    return {out, rows};
}

} // namespace

NetChanges net_changes(Tuplestorestate *changes, int64_t count, TupleDesc descriptor)
{
    if (count > most_hashed)
        return summed(changes, descriptor, [](TupleTableSlot *slot, SignedHash *hash) {
            *hash = hash_of(row_in(slot));
            return true;
        });
    SignedHash *hashes = allocate_hashes(count), *next = hashes;
    for_rows(changes, descriptor, [&](TupleTableSlot *slot) { *next++ = hash_of(row_in(slot)); });
    tuplestore_rescan(changes);
    Hashes opposite = opposite_hashes(hashes, count);
    NetChanges net{changes, count};
    next = hashes;
    if (opposite.count > 0)
        net = summed(changes, descriptor, [&](TupleTableSlot *, SignedHash *hash) {
            *hash = *next++;
            return *hash != none && opposite.has(*hash);
        });
    pfree(opposite.values);
    pfree(hashes);
    return net;
}

} // namespace pgtrickle::refresh
