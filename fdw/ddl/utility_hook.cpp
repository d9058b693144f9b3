/*
 * The ProcessUtility hook: which statements concern stream tables, and who takes care of them.
 * Every other statement passes as it came, uncopied.
 */
#include "definition/definition.hpp"
#include "fdw/ddl/alter.hpp"
#include "fdw/ddl/create.hpp"
#include "fdw/ddl/object_access_hook.hpp"
#include "fdw/ddl/capture_grant.hpp"
#include "fdw/ddl/index.hpp"
#include "fdw/ddl/refresh_matview.hpp"
#include "fdw/ddl/commit_prepared.hpp"
#include "fdw/ddl/publication.hpp"
#include "fdw/ddl/reassign_owned.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "fdw/ddl/rename.hpp"
#include "fdw/ddl/utility_call.hpp"
#include "refresh/program/scope.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "tcop/dest.h"
}

namespace pgtrickle {

namespace {

ProcessUtility_hook_type previous_hook = nullptr;

bool is_stream_table_named(const RangeVar *relation)
{
    Oid relid = relation != nullptr ? RangeVarGetRelid(relation, NoLock, true) : InvalidOid;
    return OidIsValid(relid) && definition::is_stream_table(relid);
}

/* Core accepts a trigger on a foreign table; on a stream table it would never fire. */
void refuse_trigger(const CreateTrigStmt *statement)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot create a trigger on stream table \"%s\"", statement->relation->relname),
                    errdetail("Its rows are changed by refreshes, which fire no triggers."),
                    errhint("Create the trigger on a source.")));
}

/* Who carries out the statement in core's place; nullptr: it is none of ours. */
using Handler = void (*)(const UtilityCall &);

Handler handler_of(::Node *statement)
{
    switch (nodeTag(statement)) {
    case T_CreateForeignTableStmt: {
        auto *create = reinterpret_cast<CreateForeignTableStmt *>(statement);
        return definition::is_server_for_stream_tables(create->servername) ? create_stream_table : nullptr;
    }
    case T_AlterTableStmt:
        if (is_our_alter(reinterpret_cast<AlterTableStmt *>(statement)))
            return alter_table;
        if (is_switching_policies(reinterpret_cast<AlterTableStmt *>(statement)))
            return switch_policies;
        return is_altering_row_type(reinterpret_cast<AlterTableStmt *>(statement)) ||
                       is_altering_virtual_column(reinterpret_cast<AlterTableStmt *>(statement))
                   ? alter_columns
                   : nullptr;
    case T_RefreshMatViewStmt:
        return is_refreshing_source(reinterpret_cast<RefreshMatViewStmt *>(statement)) ? refresh_materialized_view
                                                                                       : nullptr;
    case T_RenameStmt: return rename_object;
    case T_AlterObjectSchemaStmt: return move_object;
    case T_ReassignOwnedStmt: return reassign_owned;
    case T_GrantStmt: {
        auto *granting = reinterpret_cast<GrantStmt *>(statement);
        return granting->is_grant && granting->objtype == OBJECT_TABLE && !refresh::is_running() ? grant : nullptr;
    }
    case T_GrantRoleStmt:
        return reinterpret_cast<GrantRoleStmt *>(statement)->is_grant && !refresh::is_running() ? grant : nullptr;
    case T_ViewStmt: return reinterpret_cast<ViewStmt *>(statement)->replace ? replace_view : nullptr;
    case T_RuleStmt: return reinterpret_cast<RuleStmt *>(statement)->event == CMD_SELECT ? replace_view : nullptr;
    case T_AlterEnumStmt: return alter_enumeration;
    case T_CreatePublicationStmt:
        return is_publishing_all_tables(reinterpret_cast<CreatePublicationStmt *>(statement)) ? create_publication : nullptr;
    case T_IndexStmt:
        return is_stream_table_named(reinterpret_cast<IndexStmt *>(statement)->relation) ? create_index : nullptr;
    case T_DropStmt: return reinterpret_cast<DropStmt *>(statement)->removeType == OBJECT_INDEX ? drop_index : nullptr;
    case T_CreateTrigStmt:
        if (is_stream_table_named(reinterpret_cast<CreateTrigStmt *>(statement)->relation))
            refuse_trigger(reinterpret_cast<CreateTrigStmt *>(statement));
        return nullptr;
    case T_TransactionStmt: return commit_prepared;
    default: return nullptr;
    }
}

/* Whether the statement is of a kind that may concern us: asked for every utility statement,
 * COMMIT of an aborted transaction included, so it looks at nothing but its kind. */
bool is_candidate(::Node *statement)
{
    switch (nodeTag(statement)) {
    case T_CreateForeignTableStmt:
    case T_AlterTableStmt:
    case T_RefreshMatViewStmt:
    case T_RenameStmt:
    case T_AlterObjectSchemaStmt:
    case T_ReassignOwnedStmt:
    case T_GrantStmt:
    case T_GrantRoleStmt:
    case T_ViewStmt:
    case T_RuleStmt:
    case T_AlterEnumStmt:
    case T_CreatePublicationStmt:
    case T_IndexStmt:
    case T_DropStmt:
    case T_CreateTrigStmt: return true;
    case T_TransactionStmt: return reinterpret_cast<TransactionStmt *>(statement)->kind == TRANS_STMT_COMMIT_PREPARED;
    default: return false;
    }
}

/* In a database without the extension nothing is ours. */
bool is_extension_here()
{
    return IsTransactionState() && OidIsValid(get_namespace_oid("pg_trickle_storage", true));
}

extern "C" void definition_process_utility(PlannedStmt *planned, const char *text, bool is_read_only,
                                           ProcessUtilityContext context, ParamListInfo params,
                                           QueryEnvironment *environment, DestReceiver *receiver,
                                           QueryCompletion *completion)
{
    Handler handler = is_candidate(planned->utilityStmt) && is_extension_here() ? handler_of(planned->utilityStmt) : nullptr;
    if (handler == nullptr) {
        if (previous_hook != nullptr)
            previous_hook(planned, text, is_read_only, context, params, environment, receiver, completion);
        else
            standard_ProcessUtility(planned, text, is_read_only, context, params, environment, receiver, completion);
        return;
    }
    refresh::require_none_running();
    UtilityCall utility = {static_cast<PlannedStmt *>(copyObjectImpl(planned)),
                           text,
                           context,
                           params,
                           environment,
                           receiver,
                           completion};
    enter([&] { handler(utility); });
}

} // namespace

void UtilityCall::run() const
{
    if (previous_hook != nullptr)
        previous_hook(planned, text, false, context, params, environment, receiver, completion);
    else
        standard_ProcessUtility(planned, text, false, context, params, environment, receiver, completion);
}

void run_statement(::Node *statement, const char *text)
{
    PlannedStmt *planned = makeNode(PlannedStmt);
    planned->commandType = CMD_UTILITY;
    planned->utilityStmt = statement;
    planned->stmt_location = -1;
    ProcessUtility(planned, text, false, PROCESS_UTILITY_QUERY, nullptr, nullptr, None_Receiver, nullptr);
    CommandCounterIncrement();
}

void register_ddl()
{
    previous_hook = ProcessUtility_hook;
    ProcessUtility_hook = definition_process_utility;
    register_drop();
    register_prepared();
}

} // namespace pgtrickle
