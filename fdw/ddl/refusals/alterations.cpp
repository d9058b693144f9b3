#include "fdw/ddl/refusals/alterations.hpp"

#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "fdw/definition/stream_table_named.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

bool is_allowed(AlterTableType type)
{
    switch (type) {
    case AT_AlterColumnType:
    case AT_SetStatistics:
    case AT_SetOptions:
    case AT_ResetOptions:
    case AT_SetStorage:
    case AT_ColumnDefault: /* has no effect; a parent passes its own on, and a dump has it */
    case AT_DropConstraint:
    case AT_DropNotNull:
    case AT_GenericOptions:
    case AT_ChangeOwner:
    case AT_AddInherit:
    case AT_DropInherit: return true;
    default: return false;
    }
}

/* The reason why a stream table cannot be altered in a way, and the alternative. */
struct Refusal {
    const char *reason, *alternative;
};

Refusal refusal_of(AlterTableType type)
{
    switch (type) {
    case AT_AddColumn:
    case AT_DropColumn:
        return {"Its columns are defined by its query.", "ALTER FOREIGN TABLE ... OPTIONS (SET query ...) appends and "
                                                         "drops columns; RENAME COLUMN and ALTER COLUMN ... "
                                                         "TYPE change one."};
    case AT_AddConstraint:
    case AT_SetNotNull:
    case AT_AddIdentity:
    case AT_ValidateConstraint:
        return {"Its rows are computed by its query, and not checked.",
                "Constraints belong on the sources; unique indexes are supported."};
    case AT_SetTableSpace:
        return {"Its heaps are moved by a statement of their own.", "Give SET TABLESPACE in a separate statement."};
    case AT_SetRelOptions:
    case AT_ResetRelOptions:
        return {"The parameters of its storage are an option.",
                "Use OPTIONS (ADD storage_parameters 'name = value, ...')."};
    case AT_SetCompression:
        return {"A foreign table has no compression method.", "Set default_toast_compression for its owner."};
    case AT_ClusterOn:
    case AT_DropCluster: return {"Refreshes write rows in the order of changes.", "VACUUM FULL removes unused space."};
    case AT_ReplicaIdentity:
        return {"Its storage is not published.", "Publish its sources, and create the stream table on the subscriber."};
    case AT_SetUnLogged:
    case AT_SetLogged:
        return {"A refresh continues from the stored rows, so these survive a crash.",
                "Use CREATE UNLOGGED TABLE ... AS for an unlogged copy."};
    case AT_EnableTrig:
    case AT_EnableAlwaysTrig:
    case AT_EnableReplicaTrig:
    case AT_DisableTrig:
    case AT_EnableTrigAll:
    case AT_DisableTrigAll:
    case AT_EnableTrigUser:
    case AT_DisableTrigUser:
        return {"Its rows are changed by refreshes, which fire no triggers.", "Triggers belong on the sources."};
    case AT_EnableRowSecurity:
    case AT_DisableRowSecurity:
    case AT_ForceRowSecurity:
    case AT_NoForceRowSecurity:
        return {"A foreign table has no policies.", "GRANT a view with security_barrier, or columns."};
    default:
        return {"Its columns are defined by its query, and its rows are maintained by pg_trickle.",
                "Its options, owner, schema, parents, name and columns can be changed."};
    }
}

} // namespace

void refuse_other_alterations(Oid relid, const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds) {
        const AlterTableType type = static_cast<AlterTableCmd *>(lfirst(cell))->subtype;
        if (is_allowed(type))
            continue;
        definition::require_owner(relid);
        const Refusal refusal = refusal_of(type);
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot alter stream table \"%s\" in this way", get_rel_name(relid)),
                        errdetail("%s", refusal.reason), errhint("%s", refusal.alternative)));
    }
}

namespace {

bool is_prepared_for_upgrade()
{
    return !is_definition_followed() && !IsBinaryUpgrade && guc::is_preloaded() && IsTransactionState();
}

/* Whether the statement gives another name to what a definition may name. It cannot name an object that databases
 * share, nor a label that is new. */
bool renames_what_is_named(const ::Node *statement)
{
    if (IsA(statement, AlterEnumStmt))
        return reinterpret_cast<const AlterEnumStmt *>(statement)->oldVal != nullptr;
    if (!IsA(statement, RenameStmt))
        return true;
    switch (reinterpret_cast<const RenameStmt *>(statement)->renameType) {
    case OBJECT_DATABASE:
    case OBJECT_ROLE:
    case OBJECT_TABLESPACE: return false;
    default: return true;
    }
}

} // namespace

void refuse_names_meanwhile(const UtilityCall &call)
{
    if (is_prepared_for_upgrade() && !creating_extension && renames_what_is_named(call.statement()))
        guc::require_stream_tables("rename or move an object");
}

void refuse_alterations_meanwhile(const UtilityCall &call)
{
    const auto *statement = castNode(AlterTableStmt, call.statement());
    if (!is_prepared_for_upgrade())
        return;
    const Oid relid = RangeVarGetRelid(statement->relation, NoLock, true);
    if (OidIsValid(relid) && definition::is_stream_table(relid))
        guc::require_stream_tables("alter a stream table");
}

} // namespace pgtrickle
