#include "capture/ddl/named_relation.hpp"

#include "pg/versions/rights.hpp"

extern "C" {
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/tablecmds.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::capture {

namespace {

const RangeVar *name_in(Node *statement)
{
    if (IsA(statement, AlterTableStmt))
        return castNode(AlterTableStmt, statement)->relation;
    if (IsA(statement, RenameStmt))
        return castNode(RenameStmt, statement)->relation;
    return castNode(AlterObjectSchemaStmt, statement)->relation;
}

/* Returns the lock that PostgreSQL takes for the statement. */
LOCKMODE lock_of(Node *statement, Oid relation)
{
    if (IsA(statement, AlterTableStmt))
        return AlterTableGetLockLevel(castNode(AlterTableStmt, statement)->cmds);
    const char kind = get_rel_relkind(relation);
    const bool is_index = kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
    return is_index && IsA(statement, RenameStmt) ? ShareUpdateExclusiveLock : AccessExclusiveLock;
}

} // namespace

void lock_named_relation(const UtilityCall &call)
{
    Node *statement = call.statement();
    const RangeVar *name = name_in(statement);
    if (name == nullptr || !IsTransactionState() || XactReadOnly || RecoveryInProgress())
        return;
    const Oid relation = RangeVarGetRelid(name, NoLock, true);
    if (OidIsValid(relation) && owns_relation(relation))
        (void)RangeVarGetRelidExtended(name, lock_of(statement, relation), RVR_MISSING_OK, RangeVarCallbackOwnsRelation,
                                       nullptr);
}

} // namespace pgtrickle::capture
