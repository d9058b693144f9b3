/*
 * Rows computed by the old meaning of an object must not stand beside rows computed by the new one, so stream
 * tables that use the object start from nothing at the next refresh. A view may also read other tables than
 * before, so stream tables that use it are redefined.
 */
#include "fdw/ddl/dependency_changes.hpp"

#include "capture/source/inheritance.hpp"
#include "definition/definition.hpp"
#include "definition/definition_view.hpp"
#include "definition/indirect_users.hpp"
#include "definition/query/rules_and_policies.hpp"
#include "definition/query/type_columns.hpp"
#include "definition/state/state.hpp"
#include "fdw/ddl/altered_object.hpp"
#include "fdw/ddl/inherited_columns.hpp"
#include "fdw/ddl/locks_ahead.hpp"
#include "fdw/definition/query_text.hpp"
#include "fdw/definition/redefinition.hpp"
#include "fdw/definition/stream_table_named.hpp"
#include "fdw/definition/whole_rows.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_row.hpp"
#include "pg/versions/generated_columns.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/program/compiled.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "commands/user.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <set>

namespace pgtrickle {

namespace {

void mark_users(Oid class_id, Oid object_id, const char *reason)
{
    mark_for_new_start(definition::users_of(class_id, object_id, 0, false), reason);
}

std::vector<Oid> to_vector(List *relids)
{
    std::vector<Oid> found;
    ListCell *cell;
    foreach (cell, relids)
        found.push_back(lfirst_oid(cell));
    return found;
}

std::vector<Oid> users_of_view(Oid view)
{
    return to_vector(call([=] { return definition::users_of(RelationRelationId, view, 0, false); }));
}

/* Redefines stream tables for which the expression or query behind a relation that they read has changed,
 * while their own text has not. */
void redefine_users(const std::vector<Oid> &users)
{
    for (Oid relid : users)
        redefine_or_mark(relid, "a view or a generated column that it reads was redefined");
}

} // namespace

void replace_view(const UserStatement &utility)
{
    call([&] { lock_with_redefined(utility.statement()); });
    std::vector<Oid> users;
    {
        NotedRelations replaced(Noted::rule);
        call([&] {
            utility.run();
            CommandCounterIncrement();
        });
        for (Oid view : to_vector(replaced.take()))
            for (Oid user : users_of_view(view))
                if (std::find(users.begin(), users.end(), user) == users.end())
                    users.push_back(user);
        std::sort(users.begin(), users.end());
    }
    redefine_users(users);
}

bool is_altering_row_type(const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds) {
        AlterTableType type = lfirst_node(AlterTableCmd, cell)->subtype;
        if (type == AT_AddColumn || type == AT_DropColumn || type == AT_AlterColumnType)
            return true;
    }
    return false;
}

bool is_altering_virtual_column(const AlterTableStmt *statement)
{
    const Oid relid = RangeVarGetRelid(statement->relation, NoLock, true);
    ListCell *cell;
    foreach (cell, statement->cmds) {
        if (OidIsValid(relid) && sets_virtual_expression(relid, lfirst_node(AlterTableCmd, cell)))
            return true;
    }
    return false;
}

void alter_columns(const UserStatement &utility)
{
    auto *statement = reinterpret_cast<AlterTableStmt *>(utility.statement());
    Oid relid = call([=] { return RangeVarGetRelid(statement->relation, NoLock, true); });
    call([&] {
        utility.run();
        CommandCounterIncrement();
    });
    if (OidIsValid(relid))
        note_columns(relid, statement);
}

namespace {

/* Whether the condition holds for a stream table, which is locked meanwhile as by a reader. Returns true for one of
 * another role that is locked exclusively, because its owner must not delay the statement. */
template <class Condition> bool may_concern(Oid user, Condition condition)
{
    if (!call([=] { return lock_to_look_at(user); }))
        return true;
    const bool answer = call([=] { return definition::is_stream_table(user); }) && condition();
    call([=] { UnlockRelationOid(user, AccessShareLock); });
    return answer;
}

/* Returns the stream tables that read rows of the relation as a whole. No dependency shows the columns. */
std::vector<Oid> dependents_by_rows(Oid relid)
{
    std::vector<Oid> users = users_of_view(relid);
    std::erase_if(users, [](Oid user) {
        return !may_concern(user, [=] { return call([=] { return reads_whole_rows(definition::query_of(user)); }); });
    });
    return users;
}

/* Returns the stream tables that use the type, columns that hold values of it, or rows with such columns. */
std::vector<Oid> users_of_type(Oid type)
{
    List *users = NIL, *relations = NIL;
    call([&] {
        const definition::Holders holders = definition::holders_of(type);
        users = definition::users_of_functions_with(holders.types);
        ListCell *cell;
        foreach (cell, holders.types)
            users = list_concat_unique_oid(users, definition::users_of(TypeRelationId, lfirst_oid(cell), 0, false));
        foreach (cell, holders.columns) {
            auto *column = static_cast<ObjectAddress *>(lfirst(cell));
            users = list_concat_unique_oid(
                users, definition::users_of(RelationRelationId, column->objectId, column->objectSubId, false));
            relations = list_append_unique_oid(relations, column->objectId);
        }
    });
    std::vector<Oid> found = to_vector(users);
    for (Oid relation : to_vector(relations))
        for (Oid dependent : dependents_by_rows(relation))
            if (std::find(found.begin(), found.end(), dependent) == found.end())
                found.push_back(dependent);
    return found;
}

/* As note_row_type(), of one relation. */
void note_rows_of(Oid relid)
{
    const Oid type = call([=] { return get_rel_type_id(relid); });
    if (!OidIsValid(type))
        return;
    /* Old values have other hashes than before, and another order, also in indexes. */
    for (Oid user : users_of_type(type))
        call([=] { mark_for_new_setup(user, "a composite type that it uses was altered"); });
    for (Oid user : dependents_by_rows(relid))
        redefine_or_mark(user, "columns of rows that it reads as a whole were altered");
}

} // namespace

void mark_users_of_type(Oid type, const char *reason)
{
    for (Oid user : users_of_type(type))
        call([=] { mark_for_new_start(list_make1_oid(user), reason); });
}

namespace {

void note_row_types(List *relations)
{
    for (Oid altered : to_vector(relations))
        note_rows_of(altered);
    call([=] { follow_columns_in_text(relations); });
}

} // namespace

void note_row_type(Oid relid)
{
    note_row_types(call([=] { return list_concat_unique_oid(altered_with(relid), take_noted(Noted::columns)); }));
}

void note_dropped_columns()
{
    if (List *relations = take_noted(Noted::columns); relations != NIL && call(is_definition_followed))
        note_row_types(relations);
}

void note_columns(Oid relid, const AlterTableStmt *statement)
{
    if (call([=] { return is_altering_row_type(statement); }))
        note_row_type(relid);
    if (!call([=] { return is_altering_virtual_column(statement); }))
        return;
    List *children = call([=] { return capture::tree_of(relid, NoLock); });
    ListCell *cell;
    foreach (cell, children)
        redefine_users(users_of_view(lfirst_oid(cell)));
}

void note_policy(Oid policy)
{
    /* The policy may read other tables than before, whose changes are to be captured. */
    if (Oid table = definition::table_of_policy(policy); OidIsValid(table))
        mark_users(RelationRelationId, table, "a policy of a source was created, altered or dropped");
}

namespace {

/* Redefines a stream table of the session's own role that is maintained by deltas if possible, and otherwise by full
 * refreshes: the choice may change, and then other heaps are needed. */
void redefine_if_automatic(Oid user)
{
    if (call([=] { return is_owned_by_user(user); }) &&
        may_concern(user, [=] { return rules_of(definition::load(user).mode).may_fall_back; }))
        redefine_or_mark(user, "policies of a source, or the role that reads it, decide how it can be maintained");
}

/* Returns those of the stream tables for whose owners policies of the table are in force. */
std::vector<Oid> bound_by_policies(Oid relid, std::vector<Oid> users)
{
    std::erase_if(users, [=](Oid user) {
        return call([=] { return check_enable_rls(relid, owner_of_relation(user, true), true) != RLS_ENABLED; });
    });
    return users;
}

/* As note_policies(), where only some of the stream tables are to be redefined. */
void note_policies_for(Oid relid, const std::vector<Oid> &redefined)
{
    const char *reason = "the role that reads a source, or the policies in force for it, may have changed";
    call([=] { mark_users(RelationRelationId, relid, reason); });
    for (Oid user : redefined)
        redefine_if_automatic(user);
}

/* The owner of a view and security_invoker determine the role as which the view reads; policies of a table do
 * not apply to its owner. */
bool is_changing_reader(AlterTableType type, Oid relid)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto *relation = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    const bool is_view = relation->relkind == RELKIND_VIEW;
    const bool has_policies = relation->relrowsecurity;
    ReleaseSysCache(tuple);
    if (type == AT_ChangeOwner)
        return is_view || has_policies;
    return is_view && (type == AT_SetRelOptions || type == AT_ResetRelOptions);
}

/* A stream table takes workers for its owner, who has a share of them: a role that was not given the server would be a
 * second share of the role that gives the stream table away. A role that may give the server may do that, as when it
 * restores a dump, which has the privileges at its end. */
void require_usage_by_owner(Oid relid)
{
    const Oid server = GetForeignTable(relid)->serverid, owner = owner_of_relation(relid);
    const AclMode may_grant = ACL_GRANT_OPTION_FOR(ACL_USAGE);
    if (superuser() || object_aclcheck(ForeignServerRelationId, server, GetUserId(), may_grant) == ACLCHECK_OK ||
        object_aclcheck(ForeignServerRelationId, server, owner, ACL_USAGE) == ACLCHECK_OK)
        return;
    const char *name = GetForeignServer(server)->servername, *role = GetUserNameFromId(owner, false);
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for foreign server %s", name),
                    errdetail("Role \"%s\" may not own stream table \"%s\".", role, get_rel_name(relid)),
                    errhint("An owner of the server can GRANT USAGE ON FOREIGN SERVER %s TO %s.",
                            quote_identifier(name), quote_identifier(role))));
}

/* The refresh sets change with an owner, because a diamond is an atomic set only within one owner, and each owner has
 * workers and a share of them: with the generation, the manager reads the owner again. */
void note_owner(Oid relid)
{
    call([=] {
        require_usage_by_owner(relid);
        state::bump_generation(relid);
        state::invalidate_refresh_sets();
    });
    mailbox::note_definition_change();
}

/* Whether the rows of the stream table were computed by its query, as those of the former owner. */
bool is_full_only(Oid relid)
{
    state::StateRow row;
    return state::read(relid, &row) && !row.is_incremental.value_or(false);
}

/* Whether policies of a source are enabled, for any role. */
bool has_policies(Oid relid)
{
    return std::ranges::any_of(definition::sources_of(relid), [](const Source &source) {
        return call([&] { return has_row_security(source.relid); });
    });
}

/* As follow_owner(), but its query is not run before its next refresh. */
void mark_for_new_owner(Oid relid)
{
    note_owner(relid);
    if (rules_of(definition::load(relid).mode).may_be_full_only() && (has_policies(relid) || is_full_only(relid)))
        call([=] { mark_for_new_start(list_make1_oid(relid), "its owner was changed"); });
}

} // namespace

void follow_owner(Oid relid)
{
    note_owner(relid);
    const Definition definition = definition::load(relid);
    if (!rules_of(definition.mode).may_be_full_only())
        return; /* policies are an objection to this mode for every owner */
    const bool may_run = refresh::may_run_here(relid);
    if (may_run && !refresh::has_current_layout(relid))
        redefine(relid, call([=] { return definition::query_of(relid); }), {}, definition.mode);
    else if (!may_run || is_full_only(relid) || refresh::compiled_of(relid).is_full_only())
        call([=] { mark_for_new_start(list_make1_oid(relid), "its owner was changed"); });
}

bool is_switching_policies(const AlterTableStmt *statement)
{
    const Oid relid = RangeVarGetRelid(statement->relation, NoLock, true);
    ListCell *cell;
    foreach (cell, statement->cmds) {
        AlterTableType type = lfirst_node(AlterTableCmd, cell)->subtype;
        if (type == AT_EnableRowSecurity || type == AT_DisableRowSecurity || type == AT_ForceRowSecurity ||
            type == AT_NoForceRowSecurity || is_changing_reader(type, relid))
            return true;
    }
    return false;
}

void note_policies(Oid relid)
{
    note_policies_for(relid, users_of_view(relid));
}

void switch_policies(const UserStatement &utility)
{
    auto *statement = reinterpret_cast<AlterTableStmt *>(utility.statement());
    Oid relid = call([=] { return RangeVarGetRelid(statement->relation, NoLock, true); });
    std::vector<Oid> users = OidIsValid(relid) ? users_of_view(relid) : std::vector<Oid>(), changed;
    std::sort(users.begin(), users.end());
    const std::vector<Oid> before = bound_by_policies(relid, users);
    call([&] {
        utility.run();
        CommandCounterIncrement();
    });
    if (!OidIsValid(relid))
        return;
    note_columns(relid, statement);
    if (call([=] { return get_rel_relkind(relid) == RELKIND_VIEW; }))
        return note_policies(relid);
    const std::vector<Oid> after = bound_by_policies(relid, users);
    std::ranges::set_symmetric_difference(before, after, std::back_inserter(changed));
    note_policies_for(relid, changed);
}

List *relations_of(const List *roles, bool (*is_owner)(const List *roles, Oid owner))
{
    List *relids = NIL;
    Relation catalog = table_open(RelationRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        const bool may_matter =
            form->relkind == RELKIND_FOREIGN_TABLE || form->relkind == RELKIND_VIEW || form->relrowsecurity;
        if (may_matter && is_owner(roles, form->relowner))
            relids = lappend_oid(relids, form->oid);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return relids;
}

namespace {

/* Locks the stream tables of the roles exclusively: PostgreSQL finds their heaps in the catalogs before it waits for
 * the stream table, and a refresh or an ALTER may replace them meanwhile. As refreshes lock a stream table before its
 * upstreams, so does this. */
void lock_stream_tables_of(const List *roles)
{
    std::set<Oid> locked;
    for (bool is_complete = false; !is_complete;) {
        is_complete = true;
        std::vector<std::pair<size_t, Oid>> found; /* with the number of upstreams */
        const List *relids = call([=] { return relations_of(roles, list_member_oid); });
        for (int i = 0; i < list_length(relids); i++)
            if (const Oid relid = list_nth_oid(relids, i);
                call([=] { return definition::is_stream_table(relid); }) && locked.insert(relid).second)
                found.emplace_back(definition::upstreams_of(relid).size(), relid);
        std::sort(found.rbegin(), found.rend());
        for (const auto &[depth, relid] : found) {
            (void)call([relid = relid] { return definition::lock_if_exists(relid, AccessExclusiveLock); });
            is_complete = false;
        }
    }
}

bool has_privileges_of_all(const List *roles)
{
    ListCell *cell;
    foreach (cell, roles)
        if (!has_privs_of_role(GetUserId(), lfirst_oid(cell)))
            return false;
    return true;
}

} // namespace

/* The query of a stream table reads as its owner, and the owner of a view, or of a table with policies, determines
 * which rows are read through it. So each relation is processed as after ALTER TABLE … OWNER TO. */
void reassign_owned(const UserStatement &utility)
{
    const List *roles =
        call([&] { return roleSpecsToIds(reinterpret_cast<ReassignOwnedStmt *>(utility.statement())->roles); });
    if (call([=] { return has_privileges_of_all(roles); }))
        lock_stream_tables_of(roles);
    List *owners = NIL;
    List *relids = call([&] {
        List *found = relations_of(roles, list_member_oid);
        ListCell *cell;
        foreach (cell, found)
            owners = lappend_oid(owners, owner_of_relation(lfirst_oid(cell), true));
        utility.run();
        CommandCounterIncrement();
        return found;
    });
    for (int i = 0; i < list_length(relids); i++) {
        const Oid relid = list_nth_oid(relids, i), owner = list_nth_oid(owners, i);
        const Oid present = call([=] { return owner_of_relation(relid, true); });
        if (present == owner || present == InvalidOid) /* a heap may have been replaced meanwhile */
            continue;
        if (!call([=] { return definition::is_stream_table(relid); }))
            note_policies(relid);
        else if (call([=] { return is_owned_by_user(relid); }))
            follow_owner(relid);
        else
            mark_for_new_owner(relid);
    }
}

} // namespace pgtrickle
