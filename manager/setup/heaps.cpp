#include "setup/heaps.hpp"

#include "pg/attempt.hpp"
#include "pg/relation_row.hpp"
#include "setup/steps.hpp"
#include "setup/successor.hpp"
#include "storage/adoption.hpp"
#include "storage/column_settings.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"
#include "storage/user_indexes.hpp"

extern "C" {
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::setup {

namespace {

void set_storage_parameters(const Definition &definition, const Steps &steps)
{
    const Oid storage = storage::storage_of(definition.relid);
    const bool is_of_groups = steps.list.back().layout == engine::Layout::groups;
    const char *parameters = definition.storage_parameters.c_str();
    call([=] { storage::set_heap_options(storage, is_of_groups, parameters); });
}

} // namespace

void create_heaps(Oid relid, Oid tablespace)
{
    Definition definition = definition::load(relid);
    const Steps steps = steps_of(definition);
    int last = static_cast<int>(steps.list.size()) - 1;
    for (int k = 0; k < last; k++) {
        const Oid heap = storage::create_arrangement(relid, storage::arrangement_name(relid, k), steps.list[k],
                                                     steps.parts, {}, tablespace);
        call([=] { hide_rows(heap); });
    }
    storage::create_arrangement(relid, storage::storage_name(relid), steps.list[last], steps.parts,
                                definition.partition_by, tablespace);
    const Oid storage = storage::storage_of(relid);
    call([=] { storage::copy_column_settings(relid, storage); });
    if (!definition.storage_parameters.empty())
        set_storage_parameters(definition, steps);
}

std::vector<Oid> heaps_of(Oid relid)
{
    std::vector<Oid> heaps;
    for (int k = 0;; k++) {
        const Oid heap = storage::arrangement_of(relid, k);
        if (!OidIsValid(heap))
            break;
        heaps.push_back(heap);
    }
    if (const Oid heap = storage::storage_of(relid); OidIsValid(heap))
        heaps.push_back(heap);
    return heaps;
}

void follow_storage_parameters(Oid relid)
{
    const Definition definition = definition::load(relid);
    if (!OidIsValid(storage::storage_of(relid)))
        return;
    Steps steps;
    without_keeping_locks([&] { steps = steps_of(definition); });
    set_storage_parameters(definition, steps);
}

void create_heaps_of_successor(Oid successor, Oid relid)
{
    create_heaps(successor, storage::tablespace_of(storage::storage_of(relid)));
}

void replace_heaps(Oid relid)
{
    Oid tablespace = InvalidOid;
    storage::UserIndexes indexes;
    if (Oid heap = storage::storage_of(relid); OidIsValid(heap))
        indexes = storage::user_indexes_of(heap);
    for (Oid heap : heaps_of(relid)) {
        tablespace = storage::tablespace_of(heap);
        storage::drop_arrangement(relid, heap);
    }
    create_heaps(relid, tablespace);
    const Oid storage = storage::storage_of(relid);
    call([&] { storage::leave_out_lost_indexes(relid, storage, &indexes); });
    storage::create_user_indexes(relid, storage, indexes);
    /* Programs of its dependents were made for the key of the old storage. */
    call([=] {
        CacheInvalidateRelcacheByRelid(relid);
        CommandCounterIncrement();
    });
}

void take_over_heaps(Oid relid, const Successor &successor)
{
    for (Oid heap : heaps_of(relid))
        storage::drop_arrangement(relid, heap);
    const Oid storage = storage::storage_of(successor.relid);
    call([&] { storage::show_hidden_indexes(successor.relid, get_rel_namespace(relid), successor.indexes); });
    for (Oid heap : heaps_of(successor.relid))
        call([&] { storage::adopt_heap(heap, successor.relid, relid); });
    call([=] {
        storage::copy_column_settings(relid, storage);
        CacheInvalidateRelcacheByRelid(relid);
    });
}

} // namespace pgtrickle::setup
