#include "fdw/ddl/locks_ahead.hpp"

#include "capture/ddl/named_relation.hpp"
#include "definition/definition.hpp"
#include "definition/definition_view.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "fdw/ddl/inherited_columns.hpp"
#include "fdw/definition/redefinition.hpp"
#include "fdw/definition/whole_rows.hpp"
#include "pg/attempt.hpp"
#include "pg/versions/rights.hpp"
#include "setup/patient_lock.hpp"

extern "C" {
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* Returns the view that CREATE OR REPLACE VIEW replaces, or InvalidOid. A temporary view is read by no stream table. */
Oid replaced_view(const ViewStmt *statement)
{
    if (!statement->replace || statement->view->relpersistence == RELPERSISTENCE_TEMP)
        return InvalidOid;
    return get_relname_relid(statement->view->relname, RangeVarGetCreationNamespace(statement->view));
}

Oid named_relation(Node *statement)
{
    const RangeVar *name = nullptr;
    switch (nodeTag(statement)) {
    case T_ViewStmt: return replaced_view(castNode(ViewStmt, statement));
    case T_AlterTableStmt: name = castNode(AlterTableStmt, statement)->relation; break;
    case T_RenameStmt: name = castNode(RenameStmt, statement)->relation; break;
    default: name = castNode(RuleStmt, statement)->relation; break;
    }
    return name != nullptr ? RangeVarGetRelid(name, NoLock, true) : InvalidOid;
}

/* Returns whether the query of the user's own stream table reads whole rows, or may do so. */
bool may_read_whole_rows(Oid user)
{
    LockRelationOid(user, AccessShareLock);
    const bool answer = definition::is_stream_table(user) && reads_whole_rows(definition::query_of(user));
    UnlockRelationOid(user, AccessShareLock);
    return answer;
}

/* Adds the user's own stream tables that read one of the relations, as a whole row if so asked. */
void add_dependents(List **found, const List *relations, bool only_of_whole_rows)
{
    ListCell *cell, *user;
    foreach (cell, relations)
        foreach (user, definition::users_of(RelationRelationId, lfirst_oid(cell), 0, false))
            if (is_owned_by_user(lfirst_oid(user)) && !list_member_oid(*found, lfirst_oid(user)) &&
                (!only_of_whole_rows || may_read_whole_rows(lfirst_oid(user))))
                *found = lappend_oid(*found, lfirst_oid(user));
}

/* Adds the stream tables that read a column to which the statement gives another type. */
void add_dependents_on_retyped(List **found, const List *relations, const AlterTableStmt *statement)
{
    ListCell *cell, *relation, *user;
    foreach (cell, statement->cmds) {
        const auto *command = lfirst_node(AlterTableCmd, cell);
        if (command->subtype != AT_AlterColumnType)
            continue;
        foreach (relation, relations) {
            const AttrNumber column = get_attnum(lfirst_oid(relation), command->name);
            if (column == InvalidAttrNumber)
                continue;
            foreach (user, definition::users_of(RelationRelationId, lfirst_oid(relation), column, true))
                if (has_rights_of_owner(lfirst_oid(user)))
                    *found = list_append_unique_oid(*found, lfirst_oid(user));
        }
    }
}

/* Adds the stream tables that ALTER TABLE, or a statement that is treated like it, will define again. */
void add_redefined(List **found, const List *relations, const AlterTableStmt *statement)
{
    const bool is_of_view = get_rel_relkind(linitial_oid(relations)) == RELKIND_VIEW;
    add_dependents_on_retyped(found, relations, statement);
    if (is_altering_virtual_column(statement) || (is_of_view && is_switching_policies(statement)))
        add_dependents(found, relations, false);
    else if (is_altering_row_type(statement))
        add_dependents(found, relations, true);
}

bool is_renaming_column(Node *statement)
{
    if (!IsA(statement, RenameStmt))
        return false;
    const ObjectType kind = castNode(RenameStmt, statement)->renameType;
    return kind == OBJECT_COLUMN || kind == OBJECT_ATTRIBUTE;
}

/* Returns the relation, those that are altered with it, and the stream tables that the statement will define again; NIL
 * if there are none of these. */
List *locked_together(Node *statement, Oid relid)
{
    List *relations =
        IsA(statement, AlterTableStmt) || is_renaming_column(statement) ? altered_with(relid) : list_make1_oid(relid);
    List *found = NIL;
    if (IsA(statement, AlterTableStmt))
        add_redefined(&found, relations, castNode(AlterTableStmt, statement));
    else if (!IsA(statement, RenameStmt) || is_renaming_column(statement))
        add_dependents(&found, relations, IsA(statement, RenameStmt));
    return found == NIL ? NIL : list_concat_unique_oid(relations, found);
}

} // namespace

void lock_with_redefined(Node *statement)
{
    if (!IsTransactionState() || XactReadOnly || RecoveryInProgress() ||
        (IsA(statement, RuleStmt) && castNode(RuleStmt, statement)->event != CMD_SELECT))
        return;
    const Oid relid = named_relation(statement);
    if (!OidIsValid(relid) || definition::is_stream_table(relid) || get_rel_relkind(relid) == '\0' ||
        !owns_relation(relid))
        return;
    const List *together = locked_together(statement, relid);
    if (together == NIL)
        return;
    enter([=] {
        std::vector<Oid> relations;
        for (int i = 0; i < list_length(together); i++)
            relations.push_back(list_nth_oid(together, i));
        setup::lock_between_readers(relations, [] {});
    });
}

void lock_named_with_redefined(const UtilityCall &utility)
{
    lock_with_redefined(utility.statement());
    capture::lock_named_relation(utility);
}

} // namespace pgtrickle
