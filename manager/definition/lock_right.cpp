#include "definition/lock_right.hpp"

#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::definition {

namespace {

/* The privileges with which LOCK TABLE permits any mode, and CREATE TRIGGER permits ShareRowExclusive. */
constexpr AclMode for_lock_table = ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE, for_create_trigger = ACL_TRIGGER;

/* Returns true also for a relation that this transaction has dropped, because it is locked already. */
bool may_lock(Oid relation, Oid user, AclMode any_of)
{
    const char kind = get_rel_relkind(relation);
    if (kind == '\0' || object_ownercheck(RelationRelationId, relation, user))
        return true;
    return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) &&
           pg_class_aclcheck(relation, user, any_of) == ACLCHECK_OK;
}

/* A refresh includes upstreams of the same owner, so their sources count. It does not wait for upstreams of
 * other owners. */
bool may_user_stop_refreshes(Oid stream_table, Oid user, List **visited)
{
    check_stack_depth();
    if (list_member_oid(*visited, stream_table))
        return false;
    *visited = lappend_oid(*visited, stream_table);
    if (may_lock(stream_table, user, ACL_NO_RIGHTS))
        return true;
    ListCell *cell;
    foreach (cell, state::sources_of(stream_table)) {
        const Oid source = lfirst_oid(cell);
        if (may_lock(source, user, for_lock_table))
            return true;
        if (is_stream_table(source) && owner_of_relation(source, true) == owner_of_relation(stream_table, true) &&
            may_user_stop_refreshes(source, user, visited))
            return true;
    }
    return false;
}

} // namespace

bool may_stop_refreshes(Oid stream_table)
{
    List *visited = NIL;
    return mailbox::own_effects(stream_table).holds_it ||
           may_user_stop_refreshes(stream_table, statement_user(), &visited);
}

bool may_keep_locked(Oid relation, Oid role)
{
    return may_lock(relation, role, for_lock_table);
}

bool may_store(Oid stream_table)
{
    return object_ownercheck(RelationRelationId, stream_table, statement_user()) &&
           object_ownercheck(RelationRelationId, stream_table, GetOuterUserId());
}

bool may_stop_capture_changes(Oid source)
{
    if (is_stream_table(source))
        return may_stop_refreshes(source);
    return may_lock(source, statement_user(), for_lock_table | for_create_trigger);
}

} // namespace pgtrickle::definition
