#include "fdw/read/past_exact_reads.hpp"

#include "capture/triggers/open_statement.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

namespace pgtrickle {

namespace {

struct PastRead {
    Oid relid; /* the key */
    TimestampTz at;
    uint32_t own_in; /* the local id of the transaction that has read changes of its own; 0: none has */
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
    foreach (cell, relids) {
        const Oid relid = lfirst_oid(cell);
        bool is_found;
        auto *entry = static_cast<PastRead *>(hash_search(past_reads, &relid, HASH_ENTER, &is_found));
        entry->at = at;
        if (mailbox::own_effects(relid).has_changes || capture::has_open_statement())
            entry->own_in = own_local_xid();
        else if (!is_found)
            entry->own_in = 0;
    }
}

namespace {

PastRead *find_past_read(Oid relid)
{
    return past_reads == nullptr ? nullptr
                                 : static_cast<PastRead *>(hash_search(past_reads, &relid, HASH_FIND, nullptr));
}

} // namespace

TimestampTz read_exactly_at(Oid relid)
{
    PastRead *entry = find_past_read(relid);
    if (entry == nullptr)
        return 0;
    /* Its changes were committed after it had read them, and before now. */
    if (entry->own_in != 0 && entry->own_in != own_local_xid()) {
        entry->at = GetCurrentTimestamp();
        entry->own_in = 0;
    }
    return entry->at;
}

bool has_read_own_changes(Oid relid)
{
    const PastRead *entry = find_past_read(relid);
    return entry != nullptr && entry->own_in == own_local_xid();
}

} // namespace pgtrickle
