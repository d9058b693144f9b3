#include "fdw/ddl/grants.hpp"

#include "capture/permission.hpp"
#include "definition/definition_view.hpp"
#include "definition/stream_table.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "fdw/definition/redefinition.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_owner.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/user.h"
#include "utils/acl.h"
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
    request_allowed_captures();
}

namespace {

/* Returns the roles whose memberships or exemptions the statement changes; those of others change with theirs only.
 * PostgreSQL frame. */
List *changed_roles(const ::Node *statement)
{
    if (IsA(statement, GrantRoleStmt))
        return roleSpecsToIds(reinterpret_cast<const GrantRoleStmt *>(statement)->grantee_roles);
    if (IsA(statement, DropRoleStmt)) {
        List *roles = NIL;
        ListCell *cell;
        foreach (cell, reinterpret_cast<const DropRoleStmt *>(statement)->roles)
            if (lfirst_node(RoleSpec, cell)->roletype == ROLESPEC_CSTRING)
                roles = lappend_oid(roles, get_rolespec_oid(lfirst_node(RoleSpec, cell), true));
        return roles;
    }
    const auto *alter = reinterpret_cast<const AlterRoleStmt *>(statement);
    List *roles = NIL;
    ListCell *cell;
    foreach (cell, alter->options) {
        auto *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "rolemembers") == 0)
            roles = list_concat(roles, roleSpecsToIds(reinterpret_cast<List *>(option->arg)));
        else if (strcmp(option->defname, "superuser") == 0 || strcmp(option->defname, "bypassrls") == 0 ||
                 strcmp(option->defname, "inherit") == 0)
            roles = lappend_oid(roles, get_rolespec_oid(alter->role, true));
    }
    return roles;
}

bool is_any_or_member(Oid role, const List *roles)
{
    ListCell *cell;
    foreach (cell, roles)
        if (role == lfirst_oid(cell) ||
            (OidIsValid(lfirst_oid(cell)) && is_member_of_role_nosuper(role, lfirst_oid(cell))))
            return true;
    return false;
}

/* Returns the stream tables that read as one of the roles, or one of their members: as their owner, or as that of a
 * view. PostgreSQL frame. */
List *readers_as(const List *roles)
{
    List *readers = NIL;
    Relation catalog = table_open(RelationRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
    HeapTuple tuple;
    while (roles != NIL && HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        if ((form->relkind != RELKIND_FOREIGN_TABLE && form->relkind != RELKIND_VIEW) ||
            !is_any_or_member(form->relowner, roles))
            continue;
        if (form->relkind == RELKIND_VIEW)
            readers = list_concat_unique_oid(readers, definition::users_of(RelationRelationId, form->oid, 0, false));
        else if (definition::is_stream_table(form->oid))
            readers = list_append_unique_oid(readers, form->oid);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return readers;
}

} // namespace

void change_roles(const UtilityCall &utility)
{
    const bool is_drop = IsA(utility.statement(), DropRoleStmt);
    List *readers = call([&] {
        List *before = is_drop ? readers_as(changed_roles(utility.statement())) : NIL;
        utility.run();
        CommandCounterIncrement();
        return is_drop ? before : readers_as(changed_roles(utility.statement()));
    });
    ListCell *cell;
    foreach (cell, readers)
        if (has_policies(lfirst_oid(cell)))
            call([=] {
                mark_for_new_setup(lfirst_oid(cell), "roles, which the policies in force depend on, were changed");
            });
    if (IsA(utility.statement(), GrantRoleStmt) &&
        reinterpret_cast<const GrantRoleStmt *>(utility.statement())->is_grant)
        request_allowed_captures();
}

} // namespace pgtrickle
