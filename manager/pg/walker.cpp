#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* Returns Vars that represent the columns of an operand. */
List *columns_of(const ::Node *operand, const Query *query)
{
    List *columns = NIL;
    ListCell *type, *typmod, *collation, *cell;

    if (IsA(operand, SetOperationStmt)) {
        const auto *operation = reinterpret_cast<const SetOperationStmt *>(operand);
        forthree(type, operation->colTypes, typmod, operation->colTypmods, collation, operation->colCollations)
            columns = lappend(columns, makeVar(1, 1, lfirst_oid(type), lfirst_int(typmod), lfirst_oid(collation), 0));
        return columns;
    }
    const RangeTblEntry *entry = rt_fetch(reinterpret_cast<const RangeTblRef *>(operand)->rtindex, query->rtable);
    foreach (cell, entry->subquery->targetList) {
        auto *target = lfirst_node(TargetEntry, cell);
        if (target->resjunk)
            continue;
        Var *var = makeVarFromTargetEntry(1, target);
        var->location = exprLocation(reinterpret_cast<::Node *>(target->expr));
        columns = lappend(columns, var);
    }
    return columns;
}

void add_casts(List **casts, const ::Node *node, const Query *query)
{
    if (!IsA(node, SetOperationStmt))
        return;
    const auto *operation = reinterpret_cast<const SetOperationStmt *>(node);
    for (const ::Node *operand : {operation->larg, operation->rarg}) {
        ListCell *column, *type, *typmod, *collation;
        forfour(column, columns_of(operand, query), type, operation->colTypes, typmod, operation->colTypmods, collation,
                operation->colCollations)
        {
            auto *var = static_cast<::Node *>(lfirst(column));
            ::Node *cast = coerced_column(var, lfirst_oid(type), lfirst_int(typmod), lfirst_oid(collation));
            if (cast != var)
                *casts = lappend(*casts, cast);
        }
        add_casts(casts, operand, query);
    }
}

bool walk_groups(::Node *node, Walker walker, void *context)
{
    if (node == nullptr || !IsA(node, SetOperationStmt))
        return false;
    auto *operation = castNode(SetOperationStmt, node);
    return walk_expression(reinterpret_cast<::Node *>(operation->groupClauses), walker, context) ||
           walk_groups(operation->larg, walker, context) || walk_groups(operation->rarg, walker, context);
}

bool check_operators(const SortGroupClause *clause, check_function_callback check, void *context)
{
    return (OidIsValid(clause->eqop) && check(get_opcode(clause->eqop), context)) ||
           (OidIsValid(clause->sortop) && check(get_opcode(clause->sortop), context));
}

} // namespace

::Node *coerced_column(::Node *node, Oid type, int32 typmod, Oid collation)
{
    node = coerce_to_common_type(nullptr, node, type, "UNION");
    if (exprTypmod(node) != typmod)
        node = coerce_to_target_type(nullptr, node, exprType(node), type, typmod, COERCION_IMPLICIT,
                                     COERCE_IMPLICIT_CAST, -1);
    assign_expr_collations(nullptr, node);
    if (OidIsValid(collation) && exprCollation(node) != collation) {
        CollateExpr *collate = makeNode(CollateExpr);
        collate->arg = reinterpret_cast<Expr *>(node);
        collate->collOid = collation;
        collate->location = -1;
        node = reinterpret_cast<::Node *>(collate);
    }
    return node;
}

List *set_operation_casts(const Query *query)
{
    List *casts = NIL;
    if (query->setOperations != nullptr)
        add_casts(&casts, query->setOperations, query);
    return casts;
}

bool walk_calls(Query *query, Walker walker, void *context)
{
    return walk_query(query, walker, context, QTW_EXAMINE_SORTGROUP) ||
           walk_groups(query->setOperations, walker, context) ||
           walk_expression(reinterpret_cast<::Node *>(set_operation_casts(query)), walker, context);
}

bool check_called_functions(::Node *node, check_function_callback check, void *context)
{
    if (IsA(node, SortGroupClause))
        return check_operators(castNode(SortGroupClause, node), check, context);
    if (IsA(node, WindowClause)) {
        for (Oid function :
             {castNode(WindowClause, node)->startInRangeFunc, castNode(WindowClause, node)->endInRangeFunc})
            if (OidIsValid(function) && check(function, context))
                return true;
        return false;
    }
    return check_functions_in_node(node, check, context);
}

} // namespace pgtrickle
