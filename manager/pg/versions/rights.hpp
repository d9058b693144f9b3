/*
 * Privileges that a query requires, ownership and privileges of objects. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_tablespace.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
}

namespace pgtrickle {

/* ---- rights that a query asks for ---------------------------------------------------- */

/* Privileges required for an entry of a range table. Up to 15 the entry itself has them; since 16 its query
 * has them, in a separate list. */
struct EntryRights {
    AclMode required = 0;
    Oid read_as = InvalidOid;     /* the owner of a view; InvalidOid: the current user */
    Bitmapset *columns = nullptr; /* offset by FirstLowInvalidHeapAttributeNumber */
};

/* Privileges required for all entries of one range table. */
struct RequiredRights {
    List *entries = NIL;
    List *infos = NIL;
};

inline EntryRights rights_of([[maybe_unused]] const Query *query, const RangeTblEntry *entry)
{
#if PG_VERSION_NUM < 160000
    return {entry->requiredPerms, entry->checkAsUser, entry->selectedCols};
#else
    if (entry->perminfoindex == 0)
        return {};
    const RTEPermissionInfo *info = getRTEPermissionInfo(query->rteperminfos, const_cast<RangeTblEntry *>(entry));
    return {info->requiredPerms, info->checkAsUser, info->selectedCols};
#endif
}

inline void set_rights([[maybe_unused]] Query *query, RangeTblEntry *entry, const EntryRights &rights)
{
#if PG_VERSION_NUM < 160000
    RangeTblEntry *info = entry;
#else
    entry->perminfoindex = 0;
    RTEPermissionInfo *info = addRTEPermissionInfo(&query->rteperminfos, entry);
#endif
    info->requiredPerms = rights.required;
    info->checkAsUser = rights.read_as;
    info->selectedCols = rights.columns;
}

/* Clears the privileges of an entry whose relation is read by a subquery in its place, which requires them.
 * Since 16 a cached plan also locks the relation of a subquery, so its lock mode stays. */
inline void leave_rights_to_subquery(RangeTblEntry *entry)
{
#if PG_VERSION_NUM < 160000
    entry->rellockmode = 0;
    set_rights(nullptr, entry, {});
#else
    entry->perminfoindex = 0;
#endif
}

inline RequiredRights asked_rights(const Query *query)
{
#if PG_VERSION_NUM < 160000
    return {query->rtable, NIL};
#else
    return {query->rtable, query->rteperminfos};
#endif
}

inline RequiredRights asked_rights(const PlannedStmt *statement)
{
#if PG_VERSION_NUM < 160000
    return {statement->rtable, NIL};
#else
    return {statement->rtable, statement->permInfos};
#endif
}

/* Removes the list entries of relations of which no privilege is required from a plan. Since 16 the planner demands
 * such an entry for each relation of a query, and the executor asserts that each requires something. */
inline void drop_unrequired_rights([[maybe_unused]] PlannedStmt *plan)
{
#if PG_VERSION_NUM >= 160000
    List *required = NIL;
    ListCell *cell;
    foreach (cell, plan->rtable) {
        auto *entry = lfirst_node(RangeTblEntry, cell);
        if (entry->perminfoindex == 0)
            continue;
        RTEPermissionInfo *info = getRTEPermissionInfo(plan->permInfos, entry);
        if (info->requiredPerms != 0)
            required = lappend(required, info);
        entry->perminfoindex = info->requiredPerms != 0 ? static_cast<Index>(list_length(required)) : 0;
    }
    plan->permInfos = required;
#endif
}

/* Appends copies of the relations of the query's range table, with their required privileges, to `kept`.
 * Since 16, a subquery that was a view has required privileges as well. */
inline void keep_rights(RequiredRights *kept, const Query *query)
{
    ListCell *cell;
    foreach (cell, query->rtable) {
        auto entry = *lfirst_node(RangeTblEntry, cell);
        bool is_kept = entry.rtekind == RTE_RELATION;
#if PG_VERSION_NUM >= 160000
        is_kept = is_kept || entry.perminfoindex != 0;
        entry.subquery = nullptr;
        if (entry.perminfoindex != 0) {
            void *info = list_nth(query->rteperminfos, static_cast<int>(entry.perminfoindex) - 1);
            kept->infos = lappend(kept->infos, copyObjectImpl(info));
            entry.perminfoindex = static_cast<Index>(list_length(kept->infos));
        }
#endif
        if (is_kept)
            kept->entries = lappend(kept->entries, copyObjectImpl(&entry));
    }
}

/* Those that ExecutorCheckPerms_hook gets, whose last argument is whether to raise an error. */
inline RequiredRights rights_to_check(List *entries, bool)
{
    return {entries, NIL};
}
inline RequiredRights rights_to_check(List *entries, List *infos, bool)
{
    return {entries, infos};
}

/* Calls f(relation, privileges, role) for each relation of which privileges are required, until it returns false;
 * returns whether it never did. */
template <class F> bool for_required(const RequiredRights &rights, F f)
{
#if PG_VERSION_NUM < 160000
    List *all = rights.entries;
    using Entry = RangeTblEntry;
#else
    List *all = rights.infos;
    using Entry = RTEPermissionInfo;
#endif
    for (int i = 0; i < list_length(all); i++) {
        const auto *entry = static_cast<const Entry *>(list_nth(all, i));
        const Oid role = OidIsValid(entry->checkAsUser) ? entry->checkAsUser : GetUserId();
        if (entry->requiredPerms != 0 && OidIsValid(entry->relid) && !f(entry->relid, entry->requiredPerms, role))
            return false;
    }
    return true;
}

/* check_rights() or, unless it `raises`, has_rights(), with all modules that hook this check: they expect it when the
 * executor starts. */
inline bool check_rights_with_hooks(const RequiredRights &rights, bool raises)
{
#if PG_VERSION_NUM < 160000
    return ExecCheckRTPerms(rights.entries, raises);
#else
    return ExecCheckPermissions(rights.entries, rights.infos, raises);
#endif
}

/* Raises 42501 unless the current user, or the role as which an entry is checked, has the privileges. Other modules are
 * not asked (pg/hooks.cpp). */
void check_rights(const RequiredRights &rights);

/* Returns whether check_rights() would raise no error. */
bool has_rights(const RequiredRights &rights);

/* As has_rights(), for one entry of the query's range table. */
inline bool has_rights([[maybe_unused]] const Query *query, const RangeTblEntry *entry)
{
#if PG_VERSION_NUM < 160000
    return has_rights({list_make1(const_cast<RangeTblEntry *>(entry)), NIL});
#else
    if (entry->perminfoindex == 0)
        return true;
    RangeTblEntry alone = *entry;
    alone.perminfoindex = 1;
    return has_rights({list_make1(&alone),
                       list_make1(getRTEPermissionInfo(query->rteperminfos, const_cast<RangeTblEntry *>(entry)))});
#endif
}

/* Number of entries for OLD and NEW that the rule of a view has before the entries of the query. */
constexpr int rule_entries = PG_VERSION_NUM < 160000 ? 2 : 0;

/* ---- owners and privileges ----------------------------------------------------------- */

#if PG_VERSION_NUM < 160000
#define object_ownercheck(class_id, object, user)                                                                      \
    ((class_id) == RelationRelationId    ? pg_class_ownercheck(object, user)                                           \
     : (class_id) == NamespaceRelationId ? pg_namespace_ownercheck(object, user)                                       \
     : (class_id) == ExtensionRelationId ? pg_extension_ownercheck(object, user)                                       \
                                         : pg_database_ownercheck(object, user))
#define object_aclcheck(class_id, object, user, mode)                                                                  \
    ((class_id) == NamespaceRelationId       ? pg_namespace_aclcheck(object, user, mode)                               \
     : (class_id) == TypeRelationId          ? pg_type_aclcheck(object, user, mode)                                    \
     : (class_id) == ForeignServerRelationId ? pg_foreign_server_aclcheck(object, user, mode)                          \
                                             : pg_tablespace_aclcheck(object, user, mode))
#endif

/* Since 15.19, 16.15, 17.11 and 18.6 PostgreSQL asks for USAGE on the types that a stored expression names. Raises an
 * error as these do for an index of the relation; `expression` may be NULL. */
inline void require_usage_of_types([[maybe_unused]] ::Node *expression, [[maybe_unused]] Oid relid)
{
#if PG_VERSION_NUM >= 180006 || (PG_VERSION_NUM >= 170011 && PG_VERSION_NUM < 180000) ||                               \
    (PG_VERSION_NUM >= 160015 && PG_VERSION_NUM < 170000) || (PG_VERSION_NUM >= 150019 && PG_VERSION_NUM < 160000)
    if (expression != nullptr)
        CheckUsageOnTypesInSingleRelExpr(expression, relid, GetUserId());
#endif
}

/* Whether the current user owns the object. */
inline bool owns_relation(Oid relid)
{
    return object_ownercheck(RelationRelationId, relid, GetUserId());
}
inline bool owns_database(Oid database)
{
    return object_ownercheck(DatabaseRelationId, database, GetUserId());
}
inline bool owns_extension(Oid extension)
{
    return object_ownercheck(ExtensionRelationId, extension, GetUserId());
}
inline bool owns_schema(Oid schema)
{
    return object_ownercheck(NamespaceRelationId, schema, GetUserId());
}
inline AclResult right_to_create_in(Oid tablespace)
{
    return object_aclcheck(TableSpaceRelationId, tablespace, GetUserId(), ACL_CREATE);
}

inline AclResult right_to_create_in(Oid tablespace, Oid role)
{
    return object_aclcheck(TableSpaceRelationId, tablespace, role, ACL_CREATE);
}

inline bool may_use_schema(Oid schema, Oid user)
{
    return object_aclcheck(NamespaceRelationId, schema, user, ACL_USAGE) == ACLCHECK_OK;
}

/* Callback of RangeVarGetRelidExtended() that checks the privilege to refresh a materialized view. */
#if PG_VERSION_NUM < 170000
constexpr RangeVarGetRelidCallback may_refresh_matview = RangeVarCallbackOwnsTable;
#else
constexpr RangeVarGetRelidCallback may_refresh_matview = RangeVarCallbackMaintainsTable;
#endif

/* Returns the privileges of the owner of a storage heap: none up to 16; since 17 MAINTAIN, which ANALYZE and
 * VACUUM require. */
inline Acl *acl_of_storage([[maybe_unused]] Oid owner)
{
    Acl *acl = make_empty_acl();
#if PG_VERSION_NUM >= 170000
    AclItem item;
    item.ai_grantee = owner;
    item.ai_grantor = owner;
    ACLITEM_SET_PRIVS_GOPTIONS(item, ACL_MAINTAIN, ACL_NO_RIGHTS);
    acl = aclupdate(acl, &item, ACL_MODECHG_ADD, owner, DROP_CASCADE);
#endif
    return acl;
}

} // namespace pgtrickle
