#include "storage/apply_rows.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace pgtrickle::storage {

namespace {

/* One image among the rows that share a hash. */
struct Image {
    KeptRow row;
    int64 weight;
    Image *next;
};

bool is_same_row(Arrangement *arrangement, const KeptRow &a, TupleTableSlot *b)
{
    return arrangement->identity.is_same(a.values, a.nulls, b->tts_values, b->tts_isnull);
}

void add_to_images(Arrangement *arrangement, Image **images, TupleTableSlot *slot, int64 weight)
{
    for (Image *image = *images; image != nullptr; image = image->next) {
        if (is_same_row(arrangement, image->row, slot)) {
            image->weight += weight;
            return;
        }
    }
    auto *image = static_cast<Image *>(palloc(sizeof(Image)));
    *image = {keep_row(slot), weight, *images};
    *images = image;
}

/* Removes `count` copies; returns how many there were to remove. */
int64 remove_copies(Arrangement *arrangement, const Image *image, int64 hash, int64 count)
{
    int64 removed = 0;
    start_lookup(arrangement, hash);
    while (removed < count && next_with_hash(arrangement)) {
        if (!is_same_row(arrangement, image->row, arrangement->found))
            continue;
        delete_row(arrangement, &arrangement->found->tts_tid);
        removed++;
    }
    return removed;
}

bool apply_images(Arrangement *arrangement, const Image *images, int64 hash, Emitter *emitter)
{
    bool is_consistent = true;
    for (const Image *image = images; image != nullptr; image = image->next) {
        int64 copies = image->weight > 0 ? image->weight : -image->weight;
        if (image->weight < 0) {
            int64 removed = remove_copies(arrangement, image, hash, copies);
            is_consistent = is_consistent && removed == copies;
            copies = removed;
        } else {
            for (int64 i = 0; i < copies; i++)
                insert_row(arrangement, image->row.values, image->row.nulls, hash);
        }
        for (int64 i = 0; i < copies; i++)
            emit(emitter, image->row.values, image->row.nulls, image->weight > 0 ? 1 : -1);
    }
    return is_consistent;
}

} // namespace

bool apply_rows(Arrangement *arrangement, DeltaSort *delta, Emitter *emitter)
{
    MemoryContext run_context =
        AllocSetContextCreate(CurrentMemoryContext, "pg_trickle rows of one hash", ALLOCSET_SMALL_SIZES);
    int weight_position = delta->column_count - 1;
    bool is_consistent = true;
    Image *images = nullptr;
    int64 run_hash = 0;
    while (next_row(delta)) {
        CHECK_FOR_INTERRUPTS();
        int64 hash = hash_of_row(delta);
        if (images != nullptr && hash != run_hash) {
            is_consistent = apply_images(arrangement, images, run_hash, emitter) && is_consistent;
            images = nullptr;
            MemoryContextReset(run_context);
        }
        run_hash = hash;
        MemoryContext previous = MemoryContextSwitchTo(run_context);
        add_to_images(arrangement, &images, delta->slot, DatumGetInt64(delta->slot->tts_values[weight_position]));
        MemoryContextSwitchTo(previous);
    }
    if (images != nullptr)
        is_consistent = apply_images(arrangement, images, run_hash, emitter) && is_consistent;
    MemoryContextDelete(run_context);
    return is_consistent;
}

} // namespace pgtrickle::storage
