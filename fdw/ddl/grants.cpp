#include "fdw/ddl/grants.hpp"

#include "capture/permission.hpp"
#include "definition/definition_view.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "fdw/definition/redefinition.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_row.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_policy.h"
#include "nodes/nodes.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
}

#include <algorithm>
#include <optional>

namespace pgtrickle {

namespace {

/* Whether the changes of `source` may be captured for a stream table for which they are not. PostgreSQL frame. */
bool is_allowed(Oid relid, Oid source)
{
    const Oid owner = owner_of_relation(relid, true);
    return OidIsValid(owner) && !capture::denial_of(source, owner);
}

void request_capture(Oid source)
{
    mailbox::note_change(source);
    mailbox::note_definition_change();
}

/* Returns the relations on which the statement grants TRIGGER; nothing if it grants it on those of whole schemas. */
std::optional<std::vector<Oid>> granted_for_capture(const GrantStmt *statement)
{
    std::vector<Oid> relations;
    ListCell *cell;
    bool is_trigger = statement->privileges == NIL; /* ALL */
    foreach (cell, statement->privileges) {
        const auto *privilege = lfirst_node(AccessPriv, cell);
        is_trigger |= privilege->priv_name == nullptr || strcmp(privilege->priv_name, "trigger") == 0;
    }
    if (!statement->is_grant || statement->objtype != OBJECT_TABLE || !is_trigger)
        return relations;
    if (statement->targtype != ACL_TARGET_OBJECT)
        return std::nullopt;
    foreach (cell, statement->objects) {
        const auto *name = lfirst_node(RangeVar, cell);
        if (const Oid relation = call([=] { return RangeVarGetRelid(name, NoLock, true); }); OidIsValid(relation))
            relations.push_back(relation);
    }
    return relations;
}

/* Those of all sources. */
void request_all_allowed_captures()
{
    for (Oid relid : definition::all())
        for (const Source &source : definition::sources_of(relid))
            if (!source.is_captured && call([&] { return is_allowed(relid, source.relid); }))
                request_capture(source.relid);
}

} // namespace

/* Two relations are checked for each other's capture, or neither for the other's. */
void request_allowed_captures(Oid relation)
{
    for (Oid source : state::to_vector(call([=] { return capture::relations_checked(relation); }))) {
        const std::vector<Oid> dependents =
            state::to_vector(call([=] { return state::uncaptured_dependents_of(source); }));
        if (std::any_of(dependents.begin(), dependents.end(),
                        [=](Oid dependent) { return call([=] { return is_allowed(dependent, source); }); }))
            request_capture(source);
    }
}

void grant(const UserStatement &utility)
{
    call([&] {
        utility.run();
        CommandCounterIncrement();
    });
    mailbox::note_grant();
    const auto relations = granted_for_capture(reinterpret_cast<const GrantStmt *>(utility.statement()));
    if (!relations)
        request_all_allowed_captures();
    else
        for (Oid relation : *relations)
            request_allowed_captures(relation);
}

namespace {

/* ---- policies in force -------------------------------------------------------------- */

/* The row-level security policies with which a role reads a table. */
struct PoliciesInForce {
    bool are_enabled = false; /* for the role: it is not exempt */
    List *policies = NIL;     /* OIDs, ascending; palloc'ed */
    /* One may depend on roles in another way, as one that calls pg_has_role(), itself or by a view that it reads. */
    bool may_ask_for_roles = false;
};

Datum value_of(HeapTuple policy, AttrNumber column, Relation catalog, bool *is_null)
{
    return heap_getattr(policy, column, RelationGetDescr(catalog), is_null);
}

/* As PostgreSQL decides for SELECT. */
bool is_for(HeapTuple policy, Relation catalog, Oid role)
{
    const char command = reinterpret_cast<Form_pg_policy>(GETSTRUCT(policy))->polcmd;
    if (command != '*' && command != 'r')
        return false;
    bool is_null;
    const ArrayType *roles = DatumGetArrayTypeP(value_of(policy, Anum_pg_policy_polroles, catalog, &is_null));
    const auto *ids = reinterpret_cast<const Oid *>(ARR_DATA_PTR(roles));
    for (int i = 0; i < ARR_DIMS(roles)[0]; i++)
        if (ids[i] == ACL_ID_PUBLIC || has_privs_of_role(role, ids[i]))
            return true;
    return false;
}

bool has_mutable_condition(HeapTuple policy, Relation catalog)
{
    bool is_null;
    const Datum condition = value_of(policy, Anum_pg_policy_polqual, catalog, &is_null);
    auto *node = is_null ? nullptr : static_cast<Node *>(stringToNode(TextDatumGetCString(condition)));
    return node != nullptr && (contain_mutable_functions(node) || checkExprHasSubLink(node));
}

/* PostgreSQL frame. */
PoliciesInForce policies_in_force(Oid table, Oid role)
{
    PoliciesInForce found;
    if (get_rel_name(table) == nullptr || check_enable_rls(table, role, true) != RLS_ENABLED)
        return found;
    found.are_enabled = true;
    Relation catalog = table_open(PolicyRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
    SysScanDesc scan = systable_beginscan(catalog, PolicyPolrelidPolnameIndexId, true, nullptr, 1, &key);
    HeapTuple policy;
    while (HeapTupleIsValid(policy = systable_getnext(scan))) {
        if (!is_for(policy, catalog, role))
            continue;
        found.policies = lappend_oid(found.policies, reinterpret_cast<Form_pg_policy>(GETSTRUCT(policy))->oid);
        found.may_ask_for_roles |= has_mutable_condition(policy, catalog);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    list_sort(found.policies, list_oid_cmp);
    return found;
}

/* ---- changes of roles ------------------------------------------------------------------ */

/* PostgreSQL raises an error for a role that does not exist, when it executes the statement. */
List *existing_roles(const List *specifications)
{
    List *roles = NIL;
    ListCell *cell;
    foreach (cell, specifications) {
        const auto *one = lfirst_node(RoleSpec, cell);
        if (const Oid role = one->roletype == ROLESPEC_PUBLIC ? InvalidOid : get_rolespec_oid(one, true);
            OidIsValid(role))
            roles = lappend_oid(roles, role);
    }
    return roles;
}

/* Returns the roles whose memberships or exemptions the statement changes; those of others change with theirs only.
 * PostgreSQL frame. */
List *changed_roles(const ::Node *statement)
{
    if (IsA(statement, GrantRoleStmt))
        return existing_roles(reinterpret_cast<const GrantRoleStmt *>(statement)->grantee_roles);
    if (IsA(statement, DropRoleStmt))
        return existing_roles(reinterpret_cast<const DropRoleStmt *>(statement)->roles);
    List *roles = NIL;
    ListCell *cell;
    /* Who becomes a member of a new role becomes one of those that it is a member of. */
    const bool is_new = IsA(statement, CreateRoleStmt);
    const auto *alter = is_new ? nullptr : reinterpret_cast<const AlterRoleStmt *>(statement);
    foreach (cell, is_new ? reinterpret_cast<const CreateRoleStmt *>(statement)->options : alter->options) {
        auto *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "rolemembers") == 0 || strcmp(option->defname, "adminmembers") == 0)
            roles = list_concat(roles, existing_roles(reinterpret_cast<List *>(option->arg)));
        else if (!is_new && (strcmp(option->defname, "superuser") == 0 || strcmp(option->defname, "bypassrls") == 0 ||
                             strcmp(option->defname, "inherit") == 0))
            roles = list_concat(roles, existing_roles(list_make1(alter->role)));
    }
    return roles;
}

bool is_member_of_any(const List *roles, Oid role)
{
    ListCell *cell;
    foreach (cell, roles)
        if (is_member_of_role_nosuper(role, lfirst_oid(cell))) /* each role is one of itself */
            return true;
    return false;
}

/* A stream table that reads sources as a role: as its owner, or as that of a view. */
struct Dependent {
    Oid relid;
    Oid role;
};

/* Returns those that read as one of the roles, or one of their members (List of Dependent *). PostgreSQL frame. */
List *dependents_as(const List *roles)
{
    List *dependents = NIL;
    ListCell *cell, *user;
    foreach (cell, roles != NIL ? relations_of(roles, is_member_of_any) : NIL) {
        const Oid relid = lfirst_oid(cell), role = owner_of_relation(relid, true);
        List *users = get_rel_relkind(relid) == RELKIND_VIEW ? definition::users_of(RelationRelationId, relid, 0, false)
                      : definition::is_stream_table(relid)   ? list_make1_oid(relid)
                                                             : NIL;
        foreach (user, users) {
            auto *dependent = static_cast<Dependent *>(palloc(sizeof(Dependent)));
            *dependent = {lfirst_oid(user), role};
            dependents = lappend(dependents, dependent);
        }
    }
    return dependents;
}

std::vector<PoliciesInForce> in_force_for(const Dependent &dependent)
{
    std::vector<PoliciesInForce> found;
    for (const Source &source : definition::sources_of(dependent.relid))
        found.push_back(call([&] { return policies_in_force(source.relid, dependent.role); }));
    return found;
}

bool is_same(const std::vector<PoliciesInForce> &before, const std::vector<PoliciesInForce> &after)
{
    return std::equal(before.begin(), before.end(), after.begin(), after.end(), [](const auto &one, const auto &other) {
        return !one.may_ask_for_roles && one.are_enabled == other.are_enabled &&
               call([&] { return equal(one.policies, other.policies); });
    });
}

} // namespace

/* The roles are looked up before: who is a member of them does not change by the statement, unless it drops them. */
void change_roles(const UserStatement &utility)
{
    const ::Node *statement = utility.statement();
    List *dependents = call([&] { return dependents_as(changed_roles(statement)); });
    std::vector<std::vector<PoliciesInForce>> before;
    ListCell *cell;
    foreach (cell, dependents)
        before.push_back(in_force_for(*static_cast<const Dependent *>(lfirst(cell))));
    call([&] {
        utility.run();
        CommandCounterIncrement();
    });
    foreach (cell, dependents) {
        const auto *dependent = static_cast<const Dependent *>(lfirst(cell));
        if (!is_same(before[foreach_current_index(cell)], in_force_for(*dependent)))
            call([=] {
                mark_for_new_start(list_make1_oid(dependent->relid),
                                   "roles, which the policies in force depend on, were changed");
            });
    }
    if (IsA(statement, GrantRoleStmt) && reinterpret_cast<const GrantRoleStmt *>(statement)->is_grant) {
        mailbox::note_grant();
        request_all_allowed_captures();
    }
}

} // namespace pgtrickle
