#include "fdw/read/session/past_exact_reads.hpp"

#include "capture/log/chunk.hpp"
#include "capture/triggers/open_statement.hpp"
#include "definition/state/state.hpp"
#include "fdw/read/session/leader_reads.hpp"
#include "fdw/read/session/own_effects.hpp"
#include "fdw/read/session/running_statements.hpp"
#include "pg/context.hpp"

extern "C" {
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

#include <utility>

namespace pgtrickle {

namespace {

struct PastRead {
    Oid relid; /* the key */
    TimestampTz at;
    bool has_own;    /* this transaction has read changes of its own */
    int32_t own_seq; /* of the last of these */
};

HTAB *past_reads = nullptr; /* Oid → PastRead; until DISCARD ALL, or the end of the session */
bool has_any_own = false;   /* an entry may have `has_own` */

struct Unconfirmed {
    PastRead read;
    NotedBy by;
};

List *unconfirmed = NIL; /* of statements that have not returned yet, in the memory of their transaction */

void create_table()
{
    past_reads = new_session_table<Oid, PastRead>("exact reads", 64);
}

} // namespace

void remember_exact_reads(const List *relids, TimestampTz at)
{
    MemoryContext previous = MemoryContextSwitchTo(TopTransactionContext);
    ListCell *cell;
    foreach (cell, relids) {
        const Oid relid = lfirst_oid(cell);
        auto *noted = static_cast<Unconfirmed *>(palloc(sizeof(Unconfirmed)));
        const bool has_own = own_effects_on(relid).has_changes || capture::has_open_statement();
        /* The changes of a statement that runs are logged when it ends. */
        const int32_t seq = capture::has_open_statement() ? PG_INT32_MAX : capture::own_seq();
        *noted = {{relid, at, has_own, seq}, noted_by_starting()};
        unconfirmed = lappend(unconfirmed, noted);
    }
    MemoryContextSwitchTo(previous);
}

namespace {

/* In a parallel worker, takes over what the leader has read exactly. */
void add_from_leader()
{
    for (const char *at = leader_reads(); *at != '\0'; at = strchr(at, ';') + 1) {
        PastRead read = {};
        int has_own;
        if (sscanf(at, "read %u " INT64_FORMAT " %d %d;", &read.relid, &read.at, &has_own, &read.own_seq) != 4)
            continue;
        read.has_own = has_own != 0;
        if (past_reads == nullptr)
            create_table();
        *static_cast<PastRead *>(hash_search(past_reads, &read.relid, HASH_ENTER, nullptr)) = read;
    }
}

/* Returns the table, or null if nothing has been read exactly. */
HTAB *known_past_reads()
{
    static bool is_complete = false;
    if (!is_complete)
        add_from_leader();
    is_complete = true;
    return past_reads;
}

PastRead *find_past_read(Oid relid)
{
    HTAB *known = known_past_reads();
    return known == nullptr ? nullptr : static_cast<PastRead *>(hash_search(known, &relid, HASH_FIND, nullptr));
}

void count(const PastRead *read)
{
    if (known_past_reads() == nullptr)
        create_table();
    bool is_found;
    auto *entry = static_cast<PastRead *>(hash_search(past_reads, &read->relid, HASH_ENTER, &is_found));
    const bool had_own = is_found && entry->has_own;
    if (!had_own || read->has_own)
        *entry = *read;
    entry->at = read->at;
    has_any_own |= read->has_own;
}

} // namespace

void confirm_exact_reads(int position)
{
    ListCell *cell;
    foreach (cell, unconfirmed) {
        auto *noted = static_cast<Unconfirmed *>(lfirst(cell));
        if (!noted->by.is_from(position))
            continue;
        count(&noted->read);
        unconfirmed = foreach_delete_current(unconfirmed, cell);
        pfree(noted);
    }
}

bool has_read_exactly()
{
    return known_past_reads() != nullptr;
}

void follow_subtransaction_in_reads(SubXactEvent event, SubTransactionId, SubTransactionId)
{
    unconfirmed = notes_after<Unconfirmed>(event, unconfirmed);
}

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

/* No transaction is open but the statement's own, so that nothing is unconfirmed. */
void forget_exact_reads(const UtilityCall &call)
{
    const bool is_all = reinterpret_cast<const DiscardStmt *>(call.statement())->target == DISCARD_ALL;
    if (is_all && past_reads != nullptr)
        hash_destroy(std::exchange(past_reads, nullptr));
}

void print_past_reads(StringInfo text)
{
    if (past_reads == nullptr)
        return;
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, past_reads);
    while (const auto *read = static_cast<const PastRead *>(hash_seq_search(&status)))
        appendStringInfo(text, "read %u " INT64_FORMAT " %d %d;", read->relid, read->at, read->has_own, read->own_seq);
}

void end_own_reads(XactEvent event)
{
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        unconfirmed = NIL;
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
