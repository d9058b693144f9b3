#include "fdw/ddl/grants.hpp"

#include "capture/permission.hpp"
#include "definition/definition_view.hpp"
#include "definition/stream_table.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "fdw/definition/redefinition.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_row.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

void request_allowed_captures()
{
    for (Oid relid : definition::all()) {
        for (const Source &source : definition::sources_of(relid)) {
            if (source.is_captured)
                continue;
            const bool is_allowed = call([&] {
                const Oid owner = owner_of_relation(relid, true);
                return OidIsValid(owner) && !capture::denial_of(source.relid, owner);
            });
            if (is_allowed)
                mailbox::note_change(source.relid);
        }
    }
}

void grant(const UtilityCall &utility)
{
    call([&] {
        utility.run();
        CommandCounterIncrement();
    });
    mailbox::note_grant();
    if (reinterpret_cast<const GrantStmt *>(utility.statement())->objtype == OBJECT_TABLE)
        request_allowed_captures();
}

namespace {

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
    const auto *alter = reinterpret_cast<const AlterRoleStmt *>(statement);
    List *roles = NIL;
    ListCell *cell;
    foreach (cell, alter->options) {
        auto *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "rolemembers") == 0)
            roles = list_concat(roles, existing_roles(reinterpret_cast<List *>(option->arg)));
        else if (strcmp(option->defname, "superuser") == 0 || strcmp(option->defname, "bypassrls") == 0 ||
                 strcmp(option->defname, "inherit") == 0)
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

/* Returns the stream tables that read as one of the roles, or one of their members: as their owner, or as that of a
 * view. PostgreSQL frame. */
List *readers_as(const List *roles)
{
    List *readers = NIL;
    ListCell *cell;
    foreach (cell, roles != NIL ? relations_of(roles, is_member_of_any) : NIL) {
        const Oid relid = lfirst_oid(cell);
        if (get_rel_relkind(relid) == RELKIND_VIEW)
            readers = list_concat_unique_oid(readers, definition::users_of(RelationRelationId, relid, 0, false));
        else if (definition::is_stream_table(relid))
            readers = list_append_unique_oid(readers, relid);
    }
    return readers;
}

} // namespace

/* The roles are looked up before: who is a member of them does not change by the statement, unless it drops them. */
void change_roles(const UtilityCall &utility)
{
    const ::Node *statement = utility.statement();
    List *readers = call([&] {
        List *found = readers_as(changed_roles(statement));
        utility.run();
        CommandCounterIncrement();
        return found;
    });
    ListCell *cell;
    foreach (cell, readers)
        if (has_policies(lfirst_oid(cell)))
            call([=] {
                mark_for_new_start(list_make1_oid(lfirst_oid(cell)),
                                   "roles, which the policies in force depend on, were changed");
            });
    if (IsA(statement, GrantRoleStmt) && reinterpret_cast<const GrantRoleStmt *>(statement)->is_grant) {
        mailbox::note_grant();
        request_allowed_captures();
    }
}

} // namespace pgtrickle
