#include "fdw/definition/query_text.hpp"

#include "definition/definition_view.hpp"
#include "definition/option_row.hpp"
#include "definition/state/state.hpp"
#include "fdw/definition/redefinition.hpp"
#include "pg/attempt.hpp"
#include "setup/setup.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_table.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

/* Takes the locks of canonical_text() on what the query of the stream table names, if no transaction has to be waited
 * for. */
bool try_lock_to_print(Oid relid)
{
    ListCell *cell;
    foreach (cell, definition::relations_depended_on(relid))
        if (!ConditionalLockRelationOid(lfirst_oid(cell), AccessShareLock))
            return false;
    return true;
}

/* Returns whether try() succeeds, unless PostgreSQL interrupts it. C++ frame. */
template <class Try> bool succeeds(Try try_it)
{
    return enter([&] { return !attempt([&] { call([&] { try_it(); }); }); });
}

/* Returns the text as PostgreSQL prints it now; null if a transaction has to be waited for and `may_wait` is false.
 * What is printed is not kept locked: the role may have lost its privileges on it. PostgreSQL frame. */
const char *printed_text(Oid relid, bool may_wait)
{
    const char *text = nullptr;
    enter([&] {
        without_keeping_locks([&] {
            text = call([=]() -> const char * {
                if (!may_wait && !try_lock_to_print(relid))
                    return nullptr;
                return definition::canonical_text(definition::query_of(relid));
            });
        });
    });
    return text;
}

/* Whether the option has this text; true without an option. */
bool is_present_text(Oid relid, const char *text)
{
    const char *written = option_of(relid, "query");
    return written == nullptr || (text != nullptr && strcmp(written, text) == 0);
}

} // namespace

void rewrite_text(Oid relid)
{
    if (OidIsValid(definition::view_of(relid)))
        write_option(relid, "query", printed_text(relid, true), DEFELEM_SET);
}

bool try_rewrite_text(Oid relid)
{
    return succeeds([=] { rewrite_text(relid); });
}

namespace {

/* Texts of other roles up to this length are written by the statement; longer ones would delay it, while it keeps
 * others from reading what it renames. */
constexpr Size longest_followed_bytes = 100'000;

/* Whether the texts of the stream table are longer. Does not read them. */
bool has_long_texts(Oid relid)
{
    HeapTuple row = SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(row))
        return false;
    bool is_null;
    const Datum options = SysCacheGetAttr(FOREIGNTABLEREL, row, Anum_pg_foreign_table_ftoptions, &is_null);
    const bool is_long = !is_null && toast_raw_datum_size(options) > longest_followed_bytes;
    ReleaseSysCache(row);
    return is_long;
}

/* Those of other roles that this transaction is to settle (List of OIDs), in memory of the transaction. */
List *followed_at_end = NIL;

/* Writes what has changed in the options of another role's stream table. Returns false if a transaction has to be
 * waited for, or it fails. */
bool try_write_at_once(Oid relid)
{
    if (!ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock))
        return false;
    if (!definition::is_stream_table(relid) || !OidIsValid(definition::view_of(relid)))
        return true;
    const char *text = nullptr;
    const bool is_written = succeeds([&] {
        text = printed_text(relid, false);
        if (text != nullptr && !is_present_text(relid, text))
            write_option(relid, "query", text, DEFELEM_SET);
        CommandCounterIncrement();
        enter([=] { setup::follow_labels_of_partitions(relid); });
    });
    return is_written && text != nullptr;
}

void settle(bool may_lock)
{
    ListCell *cell;
    PushActiveSnapshot(GetTransactionSnapshot()); /* required to write long values */
    foreach (cell, followed_at_end)
        if (!may_lock || has_long_texts(lfirst_oid(cell)) || !try_write_at_once(lfirst_oid(cell)))
            mark_for_new_setup(lfirst_oid(cell), "an object that its query names was renamed");
    PopActiveSnapshot();
}

} // namespace

void follow_at_end(Oid relid)
{
    MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);
    followed_at_end = list_append_unique_oid(followed_at_end, relid);
    MemoryContextSwitchTo(before);
}

void settle_followed(XactEvent moment)
{
    switch (moment) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
        if (followed_at_end != NIL)
            settle(moment == XACT_EVENT_PRE_COMMIT);
        break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE: followed_at_end = NIL; break;
    default: break;
    }
}

void follow_names(List *by_text, List *by_views)
{
    ListCell *cell;
    /* The lock serializes renames of different sources of one stream table, and does not block refreshes. */
    foreach (cell, by_text)
        if (!is_owned_by_user(lfirst_oid(cell)))
            follow_at_end(lfirst_oid(cell));
        else if (definition::lock_if_exists(lfirst_oid(cell), ShareUpdateExclusiveLock))
            rewrite_text(lfirst_oid(cell));
    foreach (cell, list_concat_unique_oid(list_copy(by_text), by_views))
        state::bump_generation(lfirst_oid(cell));
}

void follow_columns_in_text(const List *relations)
{
    List *users = NIL, *changed = NIL;
    ListCell *cell;
    foreach (cell, relations)
        users = list_concat_unique_oid(users, definition::users_of(RelationRelationId, lfirst_oid(cell), 0, true));
    foreach (cell, users) {
        const Oid user = lfirst_oid(cell);
        bool is_present = false;
        if ((is_owned_by_user(user) || !has_long_texts(user)) && lock_to_look_at(user)) {
            (void)succeeds([&] {
                is_present = !OidIsValid(definition::view_of(user)) ||
                             is_present_text(user, printed_text(user, is_owned_by_user(user)));
            });
            UnlockRelationOid(user, AccessShareLock);
        }
        if (!is_present)
            changed = lappend_oid(changed, user);
    }
    follow_names(changed, NIL);
}

} // namespace pgtrickle
