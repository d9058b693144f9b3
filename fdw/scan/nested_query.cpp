#include "fdw/scan/nested_query.hpp"

#include "fdw/scan/storage_rte.hpp"
#include "pg/versions/planner.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "catalog/heap.h"
#include "jit/jit.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "optimizer/restrictinfo.h"
#include "parser/parse_clause.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

bool is_bound_outside(Node *node, void *rel)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Var)) {
        auto *var = reinterpret_cast<Var *>(node);
        bool is_own = static_cast<Index>(var->varno) == *static_cast<Index *>(rel);
        return is_own && var->varattno <= 0; /* the outer scan computes system columns and whole rows */
    }
    if (IsA(node, PlaceHolderVar) || IsA(node, CurrentOfExpr) || IsA(node, SubPlan) || IsA(node, AlternativeSubPlan) ||
        IsA(node, SubLink) || IsA(node, Aggref) || IsA(node, WindowFunc))
        return true;
    return walk_expression(node, is_bound_outside, rel);
}

struct Translation {
    Index rel;
    NestedRows rows;
    List *parameters;
};

Var *nested_column(const NestedRows &rows, AttrNumber column)
{
    const AttrNumber number = column < 0 ? column : rows.columns[column - 1];
    if (rows.entry->rtekind == RTE_RELATION)
        return storage_column(rows.entry, 1, number);
    return makeVarFromTargetEntry(1, list_nth_node(TargetEntry, rows.entry->subquery->targetList, number - 1));
}

/* Returns a column as an output. Rows that are not stored have no system columns. */
Expr *output_of(const NestedRows &rows, AttrNumber column)
{
    if (column > 0 || rows.entry->rtekind == RTE_RELATION)
        return reinterpret_cast<Expr *>(nested_column(rows, column));
    const FormData_pg_attribute *system = SystemAttributeDefinition(column);
    return reinterpret_cast<Expr *>(makeNullConst(system->atttypid, system->atttypmod, system->attcollation));
}

Node *outside_value(Node *expression, Translation *translation)
{
    int number = 0;
    ListCell *cell;
    foreach (cell, translation->parameters) {
        number++;
        if (equal(lfirst(cell), expression))
            break;
    }
    if (cell == nullptr) {
        translation->parameters = lappend(translation->parameters, copyObject(expression));
        number = list_length(translation->parameters);
    }
    Param *parameter = makeNode(Param);
    parameter->paramkind = PARAM_EXTERN;
    parameter->paramid = number;
    parameter->paramtype = exprType(expression);
    parameter->paramtypmod = exprTypmod(expression);
    parameter->paramcollid = exprCollation(expression);
    parameter->location = -1;
    return reinterpret_cast<Node *>(parameter);
}

Node *translate(Node *node, void *context)
{
    auto *translation = static_cast<Translation *>(context);
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Var)) {
        auto *var = reinterpret_cast<Var *>(node);
        if (static_cast<Index>(var->varno) != translation->rel)
            return outside_value(node, translation);
        return reinterpret_cast<Node *>(nested_column(translation->rows, var->varattno));
    }
    if (IsA(node, Param))
        return outside_value(node, translation);
    return mutate_expression(node, translate, context);
}

List *sort_clauses(Query *query, const Translation &translation, const SortColumn *order, int order_count)
{
    List *clauses = NIL;
    for (int i = 0; i < order_count; i++) {
        Var *var = nested_column(translation.rows, order[i].column);
        auto number = static_cast<AttrNumber>(list_length(query->targetList) + 1);
        TargetEntry *target = makeTargetEntry(reinterpret_cast<Expr *>(var), number, nullptr, true);
        target->ressortgroupref = static_cast<Index>(i + 1);
        query->targetList = lappend(query->targetList, target);
        SortGroupClause *clause = makeNode(SortGroupClause);
        clause->tleSortGroupRef = target->ressortgroupref;
        clause->eqop = order[i].equals;
        clause->sortop = order[i].less_than;
        clause->nulls_first = order[i].nulls_first;
        set_reversed(clause, order[i].nulls_first);
        clauses = lappend(clauses, clause);
    }
    return clauses;
}

bool is_changing(Node *node, void *context)
{
    if (node != nullptr && IsA(node, Param))
        return reinterpret_cast<Param *>(node)->paramkind != PARAM_EXTERN;
    return node != nullptr && walk_expression(node, is_changing, context);
}

} // namespace

bool has_changing_parameter(Node *expression)
{
    return is_changing(expression, nullptr);
}

bool can_be_nested(RelOptInfo *rel, RestrictInfo *clause)
{
    /* A clause must not be evaluated before the clauses of a security barrier. */
    if (clause->security_level > rel->baserestrict_min_security && !clause->leakproof)
        return false;
    auto *expression = reinterpret_cast<Node *>(clause->clause);
    return !clause->pseudoconstant && !is_bound_outside(expression, &rel->relid) &&
           !contain_volatile_functions(expression);
}

bool evaluates_parameters_again(const PlannedStmt *plan)
{
    switch (nodeTag(plan->planTree)) {
    case T_SeqScan:
    case T_IndexScan:
    case T_IndexOnlyScan:
    case T_BitmapHeapScan: return true;
    default: return false;
    }
}

/* Columns of other relations become parameters of the executor after the planning. */
void exclude_jit_if_started_again(const NestedPlan &nested)
{
    auto *parameters = reinterpret_cast<Node *>(nested.parameters);
    if (contain_var_clause(parameters) || has_changing_parameter(parameters))
        nested.plan->jitFlags = PGJIT_NONE;
}

List *complete_nested_query(Query *query, RelOptInfo *rel, const NestedRows &rows, List *columns, List *clauses,
                            const SortColumn *order, int order_count)
{
    Translation translation = {rel->relid, rows, NIL};
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    ListCell *cell;
    foreach (cell, columns) {
        auto number = static_cast<AttrNumber>(list_length(query->targetList) + 1);
        Expr *output = output_of(rows, static_cast<AttrNumber>(lfirst_int(cell)));
        query->targetList = lappend(query->targetList, makeTargetEntry(output, number, nullptr, false));
    }
    List *quals = NIL;
    foreach (cell, clauses)
        quals =
            lappend(quals, translate(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause), &translation));
    query->sortClause = sort_clauses(query, translation, order, order_count);
    RangeTblRef *from = makeNode(RangeTblRef);
    from->rtindex = 1;
    query->jointree =
        makeFromExpr(list_make1(from), quals == NIL ? nullptr : reinterpret_cast<Node *>(make_ands_explicit(quals)));
    return translation.parameters;
}

NestedPlan plan_nested(RelOptInfo *rel, const ServedRelation *served, Oid read_as, List *columns, List *clauses,
                       const SortColumn *order, int order_count)
{
    Query *query = makeNode(Query);
    const NestedRows rows = {add_storage_entry(query, served, "storage", read_as), served->columns};
    NestedPlan nested;
    nested.parameters = complete_nested_query(query, rel, rows, columns, clauses, order, order_count);
    nested.plan = standard_planner(query, "", order_count > 0 ? CURSOR_OPT_FAST_PLAN : 0, nullptr);
    if (!evaluates_parameters_again(nested.plan))
        exclude_jit_if_started_again(nested);
    drop_unrequired_rights(nested.plan);
    nested.columns = columns;
    return nested;
}

} // namespace pgtrickle
