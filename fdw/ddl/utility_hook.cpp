#include "fdw/ddl/utility_hook.hpp"

#include "capture/source/source_kind.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/stream_table.hpp"
#include "fdw/ddl/alter.hpp"
#include "fdw/ddl/altered_object.hpp"
#include "fdw/ddl/create.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "fdw/ddl/grants.hpp"
#include "fdw/ddl/index.hpp"
#include "fdw/ddl/named_indexes.hpp"
#include "fdw/ddl/publication.hpp"
#include "fdw/ddl/refresh_matview.hpp"
#include "fdw/ddl/rename.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/program/scope.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* pg_restore --disable-triggers disables all triggers of a table while it restores the rows, and enables them for
 * statements of its kind only. The triggers of the extension's tables restore rows, and refuse those of subscriptions.
 */
bool is_switching_own_triggers(const AlterTableStmt *statement)
{
    if (list_length(statement->cmds) != 1)
        return false;
    const AlterTableType subtype = linitial_node(AlterTableCmd, statement->cmds)->subtype;
    if (subtype != AT_DisableTrigAll && subtype != AT_EnableTrigAll)
        return false;
    const Oid relid = RangeVarGetRelid(statement->relation, NoLock, true);
    return OidIsValid(relid) && get_rel_namespace(relid) == definition::extension_schema() &&
           object_ownercheck(RelationRelationId, relid, GetUserId());
}

/* With a primary key a view may be dropped, and with that columns of its row type. */
bool is_dropping_constraint_cascaded(const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds) {
        const auto *command = lfirst_node(AlterTableCmd, cell);
        if (command->subtype == AT_DropConstraint && command->behavior == DROP_CASCADE)
            return true;
    }
    return false;
}

void pass_over(const UserStatement &) {}

void drop_objects(const UserStatement &utility)
{
    call([&] {
        utility.run();
        CommandCounterIncrement();
    });
}

} // namespace

StatementHandler handler_of(const CreateForeignTableStmt *statement)
{
    return definition::is_server_for_stream_tables(statement->servername) ? create_stream_table : nullptr;
}

namespace {

StatementHandler handler_without_names(const AlterTableStmt *statement)
{
    if (is_switching_own_triggers(statement))
        return pass_over;
    if (is_our_alter(statement))
        return alter_table;
    if (is_switching_policies(statement))
        return switch_policies;
    if (is_altering_row_type(statement) || is_altering_virtual_column(statement))
        return alter_columns;
    return is_dropping_constraint_cascaded(statement) ? drop_objects : nullptr;
}

void alter_and_name_indexes(const UserStatement &utility)
{
    const auto *statement = reinterpret_cast<AlterTableStmt *>(utility.statement());
    name_indexes(utility, call([=] { return handler_without_names(statement); }));
}

} // namespace

StatementHandler handler_of(const AlterTableStmt *statement)
{
    return is_naming_index(statement) ? alter_and_name_indexes : handler_without_names(statement);
}

/* DROP INDEX CONCURRENTLY, which commits, drops no columns. */
StatementHandler handler_of(const DropStmt *statement)
{
    return statement->concurrent || refresh::is_running() ? nullptr : drop_objects;
}

StatementHandler handler_of(const DropOwnedStmt *)
{
    return refresh::is_running() ? nullptr : drop_objects;
}

StatementHandler handler_of(const RefreshMatViewStmt *statement)
{
    return is_our_refresh(statement) ? refresh_materialized_view : nullptr;
}

StatementHandler handler_of(const RenameStmt *)
{
    return rename_object;
}

StatementHandler handler_of(const AlterObjectSchemaStmt *)
{
    return move_object;
}

StatementHandler handler_of(const ReassignOwnedStmt *)
{
    return reassign_owned;
}

StatementHandler handler_of(const GrantStmt *statement)
{
    return statement->is_grant && !refresh::is_running() ? grant : nullptr;
}

StatementHandler handler_of(const GrantRoleStmt *)
{
    return refresh::is_running() ? nullptr : change_roles;
}

StatementHandler handler_of(const CreateRoleStmt *)
{
    return refresh::is_running() ? nullptr : change_roles;
}

StatementHandler handler_of(const AlterRoleStmt *)
{
    return refresh::is_running() ? nullptr : change_roles;
}

StatementHandler handler_of(const DropRoleStmt *)
{
    return refresh::is_running() ? nullptr : change_roles;
}

StatementHandler handler_of(const ViewStmt *statement)
{
    return statement->replace ? replace_view : nullptr;
}

StatementHandler handler_of(const RuleStmt *statement)
{
    return statement->event == CMD_SELECT ? replace_view : nullptr;
}

StatementHandler handler_of(const AlterEnumStmt *)
{
    return alter_enumeration;
}

StatementHandler handler_of(const CreatePublicationStmt *statement)
{
    return is_publishing_all_tables(statement) ? create_publication : nullptr;
}

StatementHandler handler_of(const IndexStmt *statement)
{
    return OidIsValid(stream_table_named(statement->relation)) ? create_index : nullptr;
}

namespace {

void check_may_create_trigger(Oid relid, ObjectType type, const char *name)
{
    const AclResult allowed = pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER);
    if (allowed != ACLCHECK_OK)
        aclcheck_error(allowed, type, name);
}

/* The extension's own tables, heaps and logs are changed without firing triggers, but for those of its scripts.
 */
void refuse_trigger_on_own_table(const RangeVar *name)
{
    const bool is_own_script = creating_extension && CurrentExtensionObject == get_extension_oid("pg_trickle", true);
    const Oid relid = is_own_script ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
    if (!OidIsValid(relid) || !capture::is_table(relid) || !definition::is_reserved_schema(get_rel_namespace(relid)))
        return;
    check_may_create_trigger(relid, OBJECT_TABLE, name->relname);
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot create a trigger on \"%s\"", name->relname),
             errdetail("The extension pg_trickle changes its rows without firing triggers."),
             errhint("Tools that follow tables by triggers have to leave out those of the extension, as pg_repack does "
                     "with --exclude-extension=pg_trickle.")));
}

} // namespace

/* PostgreSQL accepts a trigger on a foreign table; on a stream table it would never fire. */
StatementHandler handler_of(const CreateTrigStmt *statement)
{
    const Oid relid = stream_table_named(statement->relation);
    if (!OidIsValid(relid)) {
        refuse_trigger_on_own_table(statement->relation);
        return nullptr;
    }
    const char *name = statement->relation->relname;
    check_may_create_trigger(relid, OBJECT_FOREIGN_TABLE, name);
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot create a trigger on stream table \"%s\"", name),
             errdetail("Its rows are changed by refreshes, which fire no triggers."),
             errhint("Create the trigger on a source.")));
}

void carry_out(const UtilityCall &call, StatementHandler handler)
{
    if (handler == nullptr) {
        call.run();
        return;
    }
    refresh::require_none_running();
    UtilityCall copied = call;
    copied.planned = static_cast<PlannedStmt *>(copyObjectImpl(call.planned));
    copied.is_read_only = false;
    enter([&] {
        NotedRelations dropped(Noted::columns);
        UserStatement statement(copied);
        statement.begin();
        handler(statement);
        note_dropped_columns();
        statement.end();
    });
}

} // namespace pgtrickle
