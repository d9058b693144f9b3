/*
 * A sorted delta, summed per image.
 *
 * Rows with the same hash are adjacent; those among them with the same image become one row with the sum of
 * their weights. Only the images of one hash are kept at a time, so memory is bounded by the number of rows
 * that share a hash. PostgreSQL frames.
 */
#pragma once

#include "storage/apply/delta_sort.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace pgtrickle::storage {

/* An image among the rows that share a hash. */
struct Image {
    KeptRow row;
    int64 weight; /* the sum; may be 0 */
    Image *next;
};

/* Adds the delta's current row to the images of its hash. Allocates in the current context. */
inline void add_to_images(Image **images, const Identity &identity, TupleTableSlot *slot, int64 weight)
{
    for (Image *image = *images; image != nullptr; image = image->next)
        if (identity.is_same(image->row.values, image->row.nulls, slot->tts_values, slot->tts_isnull)) {
            image->weight += weight;
            return;
        }
    auto *image = static_cast<Image *>(palloc(sizeof(Image)));
    *image = {keep_row(slot), weight, *images};
    *images = image;
}

/* Calls visit(images, hash) for each hash in `delta`, in the memory context that is current at the call.
 * `delta` is finished, and its last column is the weight. The images are freed afterwards. */
template <class Visit> void for_images(DeltaSort *delta, const Identity &identity, Visit visit)
{
    MemoryContext hash_context =
        AllocSetContextCreate(CurrentMemoryContext, "pg_trickle images of one hash", ALLOCSET_SMALL_SIZES);
    const int weight_position = delta->column_count - 1;
    Image *images = nullptr;
    int64 hash = 0;
    while (next_row(delta)) {
        CHECK_FOR_INTERRUPTS();
        if (images != nullptr && hash_of_row(delta) != hash) {
            visit(images, hash);
            images = nullptr;
            MemoryContextReset(hash_context);
        }
        hash = hash_of_row(delta);
        MemoryContext previous = MemoryContextSwitchTo(hash_context);
        add_to_images(&images, identity, delta->slot, DatumGetInt64(delta->slot->tts_values[weight_position]));
        MemoryContextSwitchTo(previous);
    }
    if (images != nullptr)
        visit(images, hash);
    MemoryContextDelete(hash_context);
}

} // namespace pgtrickle::storage
