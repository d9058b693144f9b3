#include "storage/apply/apply_rows.hpp"

#include "storage/apply/image_list.hpp"

namespace pgtrickle::storage {

namespace {

bool is_same_row(Arrangement *arrangement, const KeptRow &a, TupleTableSlot *b)
{
    return arrangement->identity.is_same(a.values, a.nulls, b->tts_values, b->tts_isnull);
}

/* Removes up to `count` copies of the image; returns how many were stored. */
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
    bool is_consistent = true;
    for_images(delta, arrangement->identity, [&](const Image *images, int64 hash) {
        is_consistent = apply_images(arrangement, images, hash, emitter) && is_consistent;
    });
    return is_consistent;
}

} // namespace pgtrickle::storage
