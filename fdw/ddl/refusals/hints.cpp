#include "fdw/ddl/refusals/hints.hpp"

#include "definition/stream_table.hpp"
#include "fdw/definition/stream_table_named.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* The SQLSTATE of PostgreSQL's refusal, and the alternative; no hint where PostgreSQL does not refuse. */
struct Refusal {
    int sqlstate = 0;
    const char *hint = nullptr;
};

bool is_named(const RangeVar *name)
{
    return OidIsValid(stream_table_named(name));
}

Refusal refusal_of_comment(const CommentStmt *statement)
{
    if (statement->objtype != OBJECT_TABLE || !IsA(statement->object, List) ||
        !is_named(makeRangeVarFromNameList(castNode(List, statement->object))))
        return {};
    return {ERRCODE_WRONG_OBJECT_TYPE, "Use COMMENT ON FOREIGN TABLE."};
}

/* Publications name tables in the same way when they are created and altered. */
Refusal refusal_of_publication(const List *objects)
{
    ListCell *cell;
    foreach (cell, objects) {
        auto *object = lfirst_node(PublicationObjSpec, cell);
        if (object->pubtable != nullptr && is_named(object->pubtable->relation))
            return {ERRCODE_INVALID_PARAMETER_VALUE,
                    "Publish its sources, and create the stream table on the subscriber."};
    }
    return {};
}

bool references_stream_table(const List *constraints)
{
    ListCell *cell;
    foreach (cell, constraints)
        if (auto *constraint = reinterpret_cast<Constraint *>(lfirst(cell));
            IsA(constraint, Constraint) && constraint->contype == CONSTR_FOREIGN && is_named(constraint->pktable))
            return true;
    return false;
}

Refusal refusal_of_command(const RangeVar *altered, const AlterTableCmd *command)
{
    constexpr const char *reference_hint = "Reference a key of its sources.";
    if (command->def == nullptr)
        return {};
    if (command->subtype == AT_AddConstraint && references_stream_table(list_make1(command->def)))
        return {ERRCODE_WRONG_OBJECT_TYPE, reference_hint};
    if (!IsA(command->def, ColumnDef))
        return {};
    auto *column = castNode(ColumnDef, command->def);
    if (command->subtype == AT_AddColumn && references_stream_table(column->constraints))
        return {ERRCODE_WRONG_OBJECT_TYPE, reference_hint};
    if (command->subtype == AT_AlterColumnType && column->raw_default != nullptr && is_named(altered))
        return {ERRCODE_WRONG_OBJECT_TYPE, "Put the expression into its query: OPTIONS (SET query ...)."};
    return {};
}

Refusal refusal_of_alteration(const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds)
        if (Refusal refusal = refusal_of_command(statement->relation, lfirst_node(AlterTableCmd, cell));
            refusal.hint != nullptr)
            return refusal;
    return {};
}

/* PostgreSQL refuses to drop the key of a storage, and proposes to drop the storage, which it refuses then. */
Refusal refusal_of_drop(const DropStmt *statement)
{
    if (statement->removeType != OBJECT_INDEX)
        return {};
    ListCell *cell;
    foreach (cell, statement->objects) {
        RangeVar *name = makeRangeVarFromNameList(lfirst_node(List, cell));
        if (definition::is_reserved_schema(get_rel_namespace(RangeVarGetRelid(name, NoLock, true))))
            return {ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                    "Refreshes find rows by this index, which is dropped with its stream table."};
    }
    return {};
}

Refusal refusal_of(::Node *statement)
{
    switch (nodeTag(statement)) {
    case T_RuleStmt:
        if (is_named(reinterpret_cast<RuleStmt *>(statement)->relation))
            return {ERRCODE_WRONG_OBJECT_TYPE, "Create the rule on a view of the stream table."};
        return {};
    case T_CreatePolicyStmt:
        if (is_named(reinterpret_cast<CreatePolicyStmt *>(statement)->table))
            return {ERRCODE_WRONG_OBJECT_TYPE, "GRANT a view with security_barrier, or columns."};
        return {};
    case T_RefreshMatViewStmt:
        if (is_named(reinterpret_cast<RefreshMatViewStmt *>(statement)->relation))
            return {ERRCODE_WRONG_OBJECT_TYPE, "Use pgtrickle.refresh_stream_table()."};
        return {};
    case T_DropStmt: return refusal_of_drop(reinterpret_cast<DropStmt *>(statement));
    case T_CommentStmt: return refusal_of_comment(reinterpret_cast<CommentStmt *>(statement));
    case T_CreatePublicationStmt:
        return refusal_of_publication(reinterpret_cast<CreatePublicationStmt *>(statement)->pubobjects);
    case T_AlterPublicationStmt:
        return refusal_of_publication(reinterpret_cast<AlterPublicationStmt *>(statement)->pubobjects);
    case T_AlterTableStmt: return refusal_of_alteration(reinterpret_cast<AlterTableStmt *>(statement));
    default: return {};
    }
}

/* An error context callback: PostgreSQL calls it for the error that it is about to raise. */
void add_hint(void *refusal)
{
    const auto *expected = static_cast<Refusal *>(refusal);
    if (geterrcode() == expected->sqlstate)
        errhint("%s", expected->hint);
}

} // namespace

void run_with_hint(const UtilityCall &call)
{
    Refusal refusal = refusal_of(call.statement());
    if (refusal.hint == nullptr) {
        call.run();
        return;
    }
    ErrorContextCallback context;
    context.callback = add_hint;
    context.arg = &refusal;
    context.previous = error_context_stack;
    error_context_stack = &context;
    call.run();
    error_context_stack = context.previous;
}

} // namespace pgtrickle
