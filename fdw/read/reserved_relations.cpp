#include "fdw/read/reserved_relations.hpp"

#include "definition/definition_view.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/stream_table.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle {

namespace {

/* The relation of a TOAST table, whose name shows it, or the relation itself. */
Oid whole_of(Oid relation)
{
    Oid whole;
    const char *name = get_rel_relkind(relation) == RELKIND_TOASTVALUE ? get_rel_name(relation) : nullptr;
    return name != nullptr && sscanf(name, "pg_toast_%u", &whole) == 1 ? whole : relation;
}

bool is_schema_of_functions(Oid schema)
{
    return OidIsValid(schema) && schema == definition::extension_schema();
}

/* Whether the privileges were granted on the object itself, or are those of its owner. */
bool are_granted(int cache, Oid object, AttrNumber owner, AttrNumber grants, AclMode privileges, Oid role)
{
    HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(object));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool is_null;
    const Oid owned_by = DatumGetObjectId(SysCacheGetAttr(cache, tuple, owner, &is_null));
    const Datum stored = SysCacheGetAttr(cache, tuple, grants, &is_null);
    const bool answer = is_null ? has_privs_of_role(role, owned_by)
                                : aclmask(DatumGetAclP(stored), role, owned_by, privileges, ACLMASK_ALL) == privileges;
    ReleaseSysCache(tuple);
    return answer;
}

bool are_granted_on_table(Oid relation, AclMode privileges, Oid role)
{
    return are_granted(RELOID, relation, Anum_pg_class_relowner, Anum_pg_class_relacl, privileges, role);
}

bool is_usage_granted(Oid schema, Oid role)
{
    return are_granted(NAMESPACEOID, schema, Anum_pg_namespace_nspowner, Anum_pg_namespace_nspacl, ACL_USAGE, role);
}

/* Whether the role may have a privilege by a predefined role. */
bool is_to_be_judged(Oid role)
{
    return !superuser_arg(role) &&
           (has_privs_of_role(role, ROLE_PG_READ_ALL_DATA) || has_privs_of_role(role, ROLE_PG_WRITE_ALL_DATA));
}

bool may_use(Oid relation, AclMode privileges, Oid role)
{
    if (relation < FirstNormalObjectId || !is_to_be_judged(role))
        return true;
    const Oid schema = get_rel_namespace(whole_of(relation));
    if (definition::is_internal_schema(schema))
        return whole_of(relation) == relation && are_granted_on_table(relation, privileges, role);
    if (!is_schema_of_functions(schema))
        return true;
    /* A role that reads all data reads what the owner of the database can dump, which is no TOAST table. */
    if (has_privs_of_role(role, ROLE_PG_READ_ALL_DATA) &&
        are_granted_on_table(relation, ACL_SELECT, ROLE_PG_DATABASE_OWNER))
        privileges &= ~ACL_SELECT;
    return privileges == 0 || are_granted_on_table(relation, privileges, role);
}

[[noreturn]] void refuse_use(Oid relation)
{
    aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relation));
    pg_unreachable();
}

/* Relations that a LOCK TABLE locks, and for each the role whose privileges PostgreSQL asks for. */
struct ToLock {
    List *relations = NIL, *roles = NIL;
};

void add(ToLock *locked, Oid relation, Oid role)
{
    for (int i = 0; i < list_length(locked->relations); i++)
        if (list_nth_oid(locked->relations, i) == relation && list_nth_oid(locked->roles, i) == role)
            return;
    locked->relations = lappend_oid(locked->relations, relation);
    locked->roles = lappend_oid(locked->roles, role);
}

/* LOCK TABLE of a view locks what its query names, with the privileges of the view's owner. */
void add_named_by(Oid view, ToLock *locked)
{
    Relation relation = RelationIdGetRelation(view);
    if (!RelationIsValid(relation))
        return;
    const Oid role = RelationHasSecurityInvoker(relation) ? GetUserId() : relation->rd_rel->relowner;
    ListCell *cell;
    foreach (cell, definition::relations_named(get_view_query(relation)))
        add(locked, lfirst_oid(cell), role);
    RelationClose(relation);
}

} // namespace

void check_lock_of_reserved(const UtilityCall &utility)
{
    const auto *statement = reinterpret_cast<const LockStmt *>(utility.statement());
    const AclMode privileges = statement->mode == AccessShareLock ? ACL_SELECT : ACL_UPDATE;
    ToLock locked;
    ListCell *cell;
    foreach (cell, statement->relations)
        if (const Oid relid = RangeVarGetRelid(lfirst_node(RangeVar, cell), NoLock, true); OidIsValid(relid))
            add(&locked, relid, GetUserId());
    for (int i = 0; i < list_length(locked.relations); i++) {
        const Oid relid = list_nth_oid(locked.relations, i);
        if (!may_use(relid, privileges, list_nth_oid(locked.roles, i)))
            refuse_use(relid);
        if (get_rel_relkind(relid) == RELKIND_VIEW)
            add_named_by(relid, &locked);
    }
}

void check_name_of_reserved(ObjectAccessType access, Oid, Oid object, int, void *argument)
{
    if (access != OAT_NAMESPACE_SEARCH || object < FirstNormalObjectId || !is_to_be_judged(GetUserId()) ||
        !definition::is_internal_schema(object) || is_usage_granted(object, GetUserId()))
        return;
    auto *search = static_cast<ObjectAccessNamespaceSearch *>(argument);
    search->result = false;
    if (search->ereport_on_violation)
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, get_namespace_name(object));
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
