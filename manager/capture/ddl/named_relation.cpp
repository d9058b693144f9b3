#include "capture/ddl/named_relation.hpp"

#include "capture/ddl/tree_changes.hpp"
#include "definition/stream_table.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/tablecmds.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
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

/* Returns the first lock that PostgreSQL, or fdw/ddl/alter.cpp, takes for the statement. */
LOCKMODE lock_of(Node *statement, Oid relation)
{
    if (IsA(statement, AlterTableStmt)) {
        List *commands = castNode(AlterTableStmt, statement)->cmds;
        const auto *first = linitial_node(AlterTableCmd, commands);
        const bool sets_options = list_length(commands) == 1 && first->subtype == AT_GenericOptions;
        return sets_options && definition::is_stream_table(relation) ? ShareUpdateExclusiveLock
                                                                     : AlterTableGetLockLevel(commands);
    }
    const char kind = get_rel_relkind(relation);
    const bool is_index = kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
    return is_index && IsA(statement, RenameStmt) ? ShareUpdateExclusiveLock : AccessExclusiveLock;
}

/* PostgreSQL's UPDATE of a parent does not ask again, once it has waited for the lock on a child, whether that is still
 * one: its rows would be logged for the parent. So the writers of parents that are sources are locked out; first, since
 * they may wait for the child. */
void lock_out_writers_of_parents(Node *statement, Oid child)
{
    List *parents = NIL;
    ListCell *cell;
    foreach (cell, IsA(statement, AlterTableStmt) ? castNode(AlterTableStmt, statement)->cmds : NIL)
        if (lfirst_node(AlterTableCmd, cell)->subtype == AT_DropInherit)
            parents = captured_ancestors(child);
    lock_out_writers(parents);
}

/* Until it is locked, a relation that was found can be dropped at any moment. */
bool exists(Oid relation)
{
    return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation));
}

/* A RangeVarGetRelidCallback, which is called before the relation is locked. After the lock, the name of a relation
 * that was dropped is looked up again. */
void check_owner(const RangeVar *name, Oid relation, Oid locked_before, void *argument)
{
    if (OidIsValid(relation) && exists(relation))
        RangeVarCallbackOwnsRelation(name, relation, locked_before, argument);
}

} // namespace

void lock_named_relation(const UtilityCall &call)
{
    Node *statement = call.statement();
    const RangeVar *name = name_in(statement);
    if (name == nullptr || !IsTransactionState() || XactReadOnly || RecoveryInProgress())
        return;
    const Oid relation = RangeVarGetRelid(name, NoLock, true);
    if (!OidIsValid(relation) || (exists(relation) && !owns_relation(relation)))
        return;
    lock_out_writers_of_parents(statement, relation);
    (void)RangeVarGetRelidExtended(name, lock_of(statement, relation), RVR_MISSING_OK, check_owner, nullptr);
}

} // namespace pgtrickle::capture
