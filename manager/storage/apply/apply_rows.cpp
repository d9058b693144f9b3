#include "storage/apply/apply_rows.hpp"

#include "storage/apply/image_list.hpp"

namespace pgtrickle::storage {

namespace {

bool is_same_row(Arrangement *arrangement, const KeptRow &a, TupleTableSlot *b)
{
    return arrangement->identity.is_same(a.values, a.nulls, b->tts_values, b->tts_isnull);
}

/* A stored row that the delta removes. */
struct Removed {
    RowAddress address;
    const Image *image;
    Removed *next;
};

/* Adds up to `count` stored copies of the image to `removed`; returns how many there are. */
int64 find_copies(Arrangement *arrangement, const Image *image, int64 hash, int64 count, Removed **removed,
                  MemoryContext memory)
{
    int64 found = 0;
    start_lookup_of_row(arrangement, image->row.values, image->row.nulls, hash);
    while (found < count && next_found(arrangement)) {
        if (!is_same_row(arrangement, image->row, arrangement->found))
            continue;
        auto *one = static_cast<Removed *>(MemoryContextAlloc(memory, sizeof(Removed)));
        *one = {address_of(arrangement->found), image, *removed};
        *removed = one;
        found++;
    }
    return found;
}

/* Takes a row of the image's place out of `removed`; NULL if there is none. */
Removed *take_of_place(Arrangement *arrangement, Removed **removed, const Image *image)
{
    for (Removed **place = removed; *place != nullptr; place = &(*place)->next) {
        Removed *one = *place;
        if (!is_same_place(arrangement, one->image->row.values, one->image->row.nulls, image->row.values,
                           image->row.nulls))
            continue;
        *place = one->next;
        return one;
    }
    return nullptr;
}

void add_copy(Arrangement *arrangement, const Image *image, int64 hash, Removed **removed)
{
    if (const Removed *before = take_of_place(arrangement, removed, image))
        update_row(arrangement, before->address, image->row.values, image->row.nulls, hash);
    else
        insert_row(arrangement, image->row.values, image->row.nulls, hash);
}

/* All stored rows are found before any is written: the images may share a place. A row whose place stays is
 * updated, which needs no new index entries if there is room on its page. */
bool apply_images(Arrangement *arrangement, const Image *images, int64 hash, Emitter *emitter, MemoryContext memory)
{
    bool is_consistent = true;
    Removed *removed = nullptr;
    for (const Image *image = images; image != nullptr; image = image->next) {
        if (image->weight >= 0)
            continue;
        const int64 found = find_copies(arrangement, image, hash, -image->weight, &removed, memory);
        is_consistent = is_consistent && found == -image->weight;
        for (int64 i = 0; i < found; i++)
            emit(emitter, image->row.values, image->row.nulls, -1);
    }
    for (const Image *image = images; image != nullptr; image = image->next) {
        for (int64 i = 0; i < image->weight; i++) {
            add_copy(arrangement, image, hash, &removed);
            emit(emitter, image->row.values, image->row.nulls, 1);
        }
    }
    for (; removed != nullptr; removed = removed->next)
        delete_row(arrangement, removed->address);
    MemoryContextReset(memory);
    return is_consistent;
}

} // namespace

bool apply_rows(Arrangement *arrangement, DeltaSort *delta, Emitter *emitter)
{
    bool is_consistent = true;
    MemoryContext removed =
        AllocSetContextCreate(CurrentMemoryContext, "pg_trickle removed rows", ALLOCSET_SMALL_SIZES);
    for_images(delta, arrangement->identity, [&](const Image *images, int64 hash) {
        is_consistent = apply_images(arrangement, images, hash, emitter, removed) && is_consistent;
    });
    MemoryContextDelete(removed);
    return is_consistent;
}

} // namespace pgtrickle::storage
