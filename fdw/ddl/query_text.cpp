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

/* Takes the locks of rewrite_text() on a stream table and on what its query names, if no transaction has to be waited
 * for. */
bool try_lock_to_rewrite(Oid relid)
{
    return ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock) && try_lock_to_print(relid) &&
           definition::is_stream_table(relid);
}

/* Returns whether try() succeeds, but for a cancelled query. C++ frame. */
template <class Try> bool succeeds(Try try_it)
{
    return enter([&] {
        try {
            in_subtransaction([&] { call([&] { try_it(); }); });
        } catch (const PgError &error) {
            if (error.data->sqlerrcode == ERRCODE_QUERY_CANCELED)
                throw;
            return false;
        }
        return true;
    });
}

bool is_present_text(Oid relid)
{
    if (!OidIsValid(definition::view_of(relid)))
        return true;
    const char *text = option_of(relid, "query");
    return text == nullptr || strcmp(text, definition::canonical_text(definition::query_of(relid))) == 0;
}

} // namespace

void rewrite_text(Oid relid)
{
    if (OidIsValid(definition::view_of(relid)))
        write_option(relid, "query", definition::canonical_text(definition::query_of(relid)), DEFELEM_SET);
}

bool try_rewrite_text(Oid relid)
{
    return succeeds([=] { rewrite_text(relid); });
}

void follow_in_text(Oid relid)
{
    if (is_owned_by_user(relid)) {
        if (definition::lock_if_exists(relid, ShareUpdateExclusiveLock))
            rewrite_text(relid);
    } else if (!try_lock_to_rewrite(relid) || !try_rewrite_text(relid)) {
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
            if (is_owned_by_user(user) || try_lock_to_print(user))
                (void)succeeds([&] { is_present = is_present_text(user); });
            UnlockRelationOid(user, AccessShareLock);
        }
        if (is_present)
            continue;
        follow_in_text(user);
        state::bump_generation(user);
    }
}

} // namespace pgtrickle
