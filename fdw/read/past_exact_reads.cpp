#include "fdw/read/past_exact_reads.hpp"

#include "capture/log/chunk.hpp"
#include "capture/triggers/open_statement.hpp"
#include "definition/state/state.hpp"
#include "mailbox/mailbox.hpp"

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
    bool has_own;    /* this transaction has read changes of its own */
    int32_t own_seq; /* of the last of these */
};

HTAB *past_reads = nullptr; /* Oid → PastRead; lives as long as the backend */
bool has_any_own = false;   /* an entry may have `has_own` */

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
        if (!is_found)
            entry->has_own = false;
        if (!mailbox::own_effects(relid).has_changes && !capture::has_open_statement())
            continue;
        entry->has_own = has_any_own = true;
        /* The changes of a statement that runs are logged when it ends. */
        entry->own_seq = capture::has_open_statement() ? PG_INT32_MAX : capture::own_seq();
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
    const PastRead *entry = find_past_read(relid);
    return entry != nullptr ? entry->at : 0;
}

bool lacks_own_changes_read(Oid relid)
{
    const PastRead *entry = find_past_read(relid);
    if (entry == nullptr || !entry->has_own)
        return false;
    const state::VisibleRow row = state::visible_row(relid);
    return !row.is_own || row.own_seq < entry->own_seq;
}

void end_own_reads(XactEvent event)
{
    if (!has_any_own || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
        return;
    has_any_own = false;
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, past_reads);
    while (auto *entry = static_cast<PastRead *>(hash_seq_search(&status))) {
        if (entry->has_own && event == XACT_EVENT_COMMIT)
            entry->at = GetCurrentTimestamp();
        entry->has_own = false;
    }
}

} // namespace pgtrickle
