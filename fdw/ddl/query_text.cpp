#include "fdw/ddl/query_text.hpp"

#include "definition/definition_view.hpp"
#include "definition/option_row.hpp"
#include "definition/state/state.hpp"
#include "fdw/definition/redefinition.hpp"
#include "pg/attempt.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "storage/lmgr.h"
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

/* Writes the text of another role's stream table. Returns false if a transaction has to be waited for, or printing
 * fails. */
bool try_rewrite_text_at_once(Oid relid)
{
    if (!ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock) || !definition::is_stream_table(relid))
        return false;
    if (!OidIsValid(definition::view_of(relid)))
        return true;
    const char *text = nullptr;
    if (!succeeds([&] { text = printed_text(relid, false); }) || text == nullptr)
        return false;
    write_option(relid, "query", text, DEFELEM_SET);
    return true;
}

} // namespace

void follow_in_text(Oid relid)
{
    if (is_owned_by_user(relid)) {
        if (definition::lock_if_exists(relid, ShareUpdateExclusiveLock))
            rewrite_text(relid);
    } else if (!try_rewrite_text_at_once(relid)) {
        mark_for_new_setup(relid, "an object that its query names was renamed");
    }
}

void follow_columns_in_text(const List *relations)
{
    List *users = NIL;
    ListCell *cell;
    foreach (cell, relations)
        users = list_concat_unique_oid(users, definition::users_of(RelationRelationId, lfirst_oid(cell), 0, true));
    foreach (cell, users) {
        const Oid user = lfirst_oid(cell);
        bool is_present = false;
        if (lock_to_look_at(user)) {
            (void)succeeds([&] {
                is_present = !OidIsValid(definition::view_of(user)) ||
                             is_present_text(user, printed_text(user, is_owned_by_user(user)));
            });
            UnlockRelationOid(user, AccessShareLock);
        }
        if (is_present)
            continue;
        follow_in_text(user);
        state::bump_generation(user);
    }
}

} // namespace pgtrickle
