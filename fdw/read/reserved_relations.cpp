#include "fdw/read/reserved_relations.hpp"

#include "definition/definition_view.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle {

namespace {

constexpr AclMode writing = ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE;

/* The relation of a TOAST table, whose name shows it, or the relation itself. */
Oid whole_of(Oid relation)
{
    Oid whole;
    const char *name = get_rel_relkind(relation) == RELKIND_TOASTVALUE ? get_rel_name(relation) : nullptr;
    return name != nullptr && sscanf(name, "pg_toast_%u", &whole) == 1 ? whole : relation;
}

bool is_in_schema(Oid relation, const char *prefix, bool is_whole)
{
    const char *schema = get_namespace_name(get_rel_namespace(relation));
    return schema != nullptr && (is_whole ? strcmp(schema, prefix) == 0 : strncmp(schema, prefix, strlen(prefix)) == 0);
}

/* Whether the privileges were granted on the relation itself. */
bool are_granted(Oid relation, AclMode privileges, Oid role)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool is_null;
    const Datum stored = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &is_null);
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    const bool answer = !is_null && aclmask(DatumGetAclP(stored), role, owner, privileges, ACLMASK_ALL) == privileges;
    ReleaseSysCache(tuple);
    return answer;
}

bool may_use(Oid relation, AclMode privileges, Oid role)
{
    if (relation < FirstNormalObjectId || superuser_arg(role))
        return true;
    const bool may_write_all = has_privs_of_role(role, ROLE_PG_WRITE_ALL_DATA);
    if (!may_write_all && !has_privs_of_role(role, ROLE_PG_READ_ALL_DATA))
        return true;
    if (is_in_schema(whole_of(relation), "pg_trickle_", false))
        return false;
    return !may_write_all || (privileges & writing) == 0 || !is_in_schema(relation, "pgtrickle", true) ||
           are_granted(relation, privileges & writing, role);
}

[[noreturn]] void refuse_use(Oid relation)
{
    aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relation));
    pg_unreachable();
}

/* LOCK TABLE of a view locks what its query names. */
List *locked_with_view(Oid view)
{
    Relation relation = RelationIdGetRelation(view);
    if (!RelationIsValid(relation))
        return NIL;
    List *named = definition::relations_named(get_view_query(relation));
    RelationClose(relation);
    return named;
}

} // namespace

void check_lock_of_reserved(const UtilityCall &utility)
{
    const auto *statement = reinterpret_cast<const LockStmt *>(utility.statement());
    const AclMode privileges = statement->mode == AccessShareLock ? ACL_SELECT : ACL_UPDATE;
    List *locked = NIL;
    ListCell *cell;
    foreach (cell, statement->relations)
        if (const Oid relid = RangeVarGetRelid(lfirst_node(RangeVar, cell), NoLock, true); OidIsValid(relid))
            locked = list_append_unique_oid(locked, relid);
    for (int i = 0; i < list_length(locked); i++) {
        const Oid relid = list_nth_oid(locked, i);
        if (!may_use(relid, privileges, GetUserId()))
            refuse_use(relid);
        if (get_rel_relkind(relid) == RELKIND_VIEW)
            locked = list_concat_unique_oid(locked, locked_with_view(relid));
    }
}

bool check_reserved_relations(const RequiredRights &rights, bool raises)
{
    return for_required(rights, [=](Oid relation, AclMode privileges, Oid role) {
        const bool may = may_use(relation, privileges, role);
        if (!may && raises)
            refuse_use(relation);
        return may;
    });
}

} // namespace pgtrickle
