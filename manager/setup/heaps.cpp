#include "setup/heaps.hpp"

#include "setup/steps.hpp"
#include "storage/column_settings.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"
#include "storage/user_indexes.hpp"

extern "C" {
#include "utils/inval.h"
}

namespace pgtrickle::setup {

namespace {

void create_heaps_in(Oid relid, Oid tablespace)
{
    Definition definition = definition::load(relid);
    const Steps steps = steps_of(definition);
    int last = static_cast<int>(steps.list.size()) - 1;
    for (int k = 0; k < last; k++)
        storage::create_arrangement(relid, storage::arrangement_name(relid, k), steps.list[k], steps.parts, {},
                                    tablespace);
    storage::create_arrangement(relid, storage::storage_name(relid), steps.list[last], steps.parts,
                                definition.partition_by, tablespace);
    const Oid storage = storage::storage_of(relid);
    call([=] { storage::copy_column_settings(relid, storage); });
}

} // namespace

void create_heaps(Oid relid)
{
    create_heaps_in(relid, storage::chosen_tablespace(relid));
}

void replace_heaps(Oid relid)
{
    Oid tablespace = InvalidOid;
    for (int k = 0;; k++) {
        Oid heap = storage::arrangement_of(relid, k);
        if (!OidIsValid(heap))
            break;
        tablespace = storage::tablespace_of(heap);
        storage::drop_arrangement(relid, heap);
    }
    storage::UserIndexes indexes;
    if (Oid heap = storage::storage_of(relid); OidIsValid(heap)) {
        tablespace = storage::tablespace_of(heap);
        indexes = storage::user_indexes_of(heap);
        storage::drop_arrangement(relid, heap);
    }
    create_heaps_in(relid, tablespace);
    storage::create_user_indexes(relid, storage::storage_of(relid), indexes);
    /* Programs of its dependents were made for the key of the old storage. */
    call([=] { CacheInvalidateRelcacheByRelid(relid); });
}

} // namespace pgtrickle::setup
