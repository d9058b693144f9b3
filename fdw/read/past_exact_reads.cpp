#include "fdw/read/past_exact_reads.hpp"

extern "C" {
#include "utils/hsearch.h"
#include "utils/memutils.h"
}

namespace pgtrickle {

namespace {

struct PastRead {
    Oid relid; /* the key */
    TimestampTz at;
};

HTAB *past_reads = nullptr; /* Oid → PastRead; lives as long as the backend */

} // namespace

void remember_exact_reads(const List *relids, TimestampTz at)
{
    if (past_reads == nullptr) {
        HASHCTL control = {};
        control.keysize = sizeof(Oid);
        control.entrysize = sizeof(PastRead);
        control.hcxt = CacheMemoryContext;
        past_reads = hash_create("exact reads", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    }
    ListCell *cell;
    foreach (cell, relids)
        static_cast<PastRead *>(hash_search(past_reads, &lfirst_oid(cell), HASH_ENTER, nullptr))->at = at;
}

TimestampTz read_exactly_at(Oid relid)
{
    const auto *entry = past_reads == nullptr
                            ? nullptr
                            : static_cast<const PastRead *>(hash_search(past_reads, &relid, HASH_FIND, nullptr));
    return entry != nullptr ? entry->at : 0;
}

} // namespace pgtrickle
