#include "definition/query/row_comparison.hpp"

#include "definition/query/own_operator.hpp"
#include "pg/versions/planner.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "rewrite/rewriteManip.h"
}

namespace pgtrickle::definition {

namespace {

/* Whether the printed operator would not be that of all columns; in_printed_form() writes comparisons by an order out
 * wherever one of them has its own. */
bool is_ambiguous(const SubLink *comparison)
{
    ::Node *test = comparison->testexpr;
    ListCell *cell;
    if (test != nullptr && IsA(test, RowCompareExpr)) {
        foreach (cell, castNode(RowCompareExpr, test)->opnos)
            if (is_own_operator(lfirst_oid(cell)))
                return true;
    } else if (test != nullptr && IsA(test, BoolExpr)) {
        List *schemas = NIL;
        foreach (cell, castNode(BoolExpr, test)->args)
            schemas = list_append_unique_oid(schemas, schema_of_operator(lfirst_node(OpExpr, cell)->opno));
        return list_length(schemas) > 1;
    }
    return false;
}

/* A key that is an expression is none to a subquery. */
bool has_computed_key(Query *query)
{
    ListCell *cell;
    foreach (cell, query->groupClause) {
        auto *key = get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), query->targetList);
        if (!IsA(without_group_aliases(query, key), Var))
            return true;
    }
    return false;
}

void require_movable(::Node *test, Query *grouped)
{
    if (contain_aggs_of_level(test, 0) || contain_windowfuncs(test) || expression_returns_set(test) ||
        (grouped != nullptr && has_computed_key(grouped)))
        ereport(
            ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("a row of groups is compared with a subquery by operators of several schemas"),
             errdetail("The text of the query, as a dump contains it, could name one operator for all columns only."),
             errhint("Compute the row in a subquery in FROM, and compare its columns.")));
}

/* Replaces the Params for the columns of the subquery by Vars. */
::Node *put_columns(::Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (IsA(node, SubLink)) /* it has Params of its own */
        return static_cast<::Node *>(copyObjectImpl(node));
    if (!IsA(node, Param) || castNode(Param, node)->paramkind != PARAM_SUBLINK)
        return mutate_expression(node, put_columns, context);
    const auto *param = castNode(Param, node);
    return reinterpret_cast<::Node *>(makeVar(1, static_cast<AttrNumber>(param->paramid), param->paramtype,
                                              param->paramtypmod, param->paramcollid, 0));
}

/* Returns SELECT FROM (subquery) AS r(c1, …). */
Query *query_over(::Node *subquery)
{
    Query *rows = castNode(Query, copyObjectImpl(subquery));
    IncrementVarSublevelsUp(reinterpret_cast<::Node *>(rows), 1, 1);
    List *names = NIL;
    for (int i = 1; i <= count_nonjunk_tlist_entries(rows->targetList); i++)
        names = lappend(names, makeString(psprintf("c%d", i)));
    ParseState *state = make_parsestate(nullptr);
    addNSItemToQuery(state, addRangeTableEntryForSubquery(state, rows, makeAlias("r", names), false, true), true, false,
                     false);
    Query *query = makeNode(Query);
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    query->rtable = state->p_rtable;
    query->jointree = makeFromExpr(state->p_joinlist, nullptr);
    free_parsestate(state);
    return query;
}

/* Returns the comparison of the row with one of the subquery, within a query over this. */
::Node *test_of_row(const SubLink *comparison)
{
    auto *test = static_cast<::Node *>(copyObjectImpl(comparison->testexpr));
    IncrementVarSublevelsUp(test, 1, 0);
    return put_columns(test, nullptr);
}

SubLink *with_subquery(const SubLink *comparison, SubLinkType type, ::Node *test, Query *subquery)
{
    auto *made = castNode(SubLink, copyObjectImpl(comparison));
    made->subLinkType = type;
    made->testexpr = test;
    made->operName = test != nullptr ? list_make1(makeString(pstrdup("="))) : NIL;
    made->subselect = reinterpret_cast<::Node *>(subquery);
    return made;
}

/* Returns true = the value of the subquery's column. */
::Node *is_true(int location)
{
    Param *value = makeNode(Param);
    value->paramkind = PARAM_SUBLINK;
    value->paramid = 1;
    value->paramtype = BOOLOID;
    value->paramtypmod = -1;
    value->location = location;
    return reinterpret_cast<::Node *>(make_opclause(BooleanEqualOperator, BOOLOID, false,
                                                    reinterpret_cast<Expr *>(makeBoolConst(true, false)),
                                                    reinterpret_cast<Expr *>(value), InvalidOid, InvalidOid));
}

::Node *existing_row(::Node *conjunct)
{
    if (!IsA(conjunct, SubLink) || castNode(SubLink, conjunct)->subLinkType != ANY_SUBLINK ||
        !is_ambiguous(castNode(SubLink, conjunct)))
        return conjunct;
    const auto *comparison = castNode(SubLink, conjunct);
    require_movable(comparison->testexpr, nullptr);
    Query *query = query_over(comparison->subselect);
    query->jointree->quals = test_of_row(comparison);
    query->hasSubLinks = checkExprHasSubLink(query->jointree->quals);
    return reinterpret_cast<::Node *>(with_subquery(comparison, EXISTS_SUBLINK, nullptr, query));
}

} // namespace

::Node *compared_by_columns(SubLink *comparison, Query *grouped)
{
    if (!is_ambiguous(comparison))
        return reinterpret_cast<::Node *>(comparison);
    require_movable(comparison->testexpr, grouped);
    Query *query = query_over(comparison->subselect);
    ::Node *test = test_of_row(comparison);
    query->hasSubLinks = checkExprHasSubLink(test);
    query->targetList = list_make1(makeTargetEntry(reinterpret_cast<Expr *>(test), 1, pstrdup("is_true"), false));
    const bool is_of_one = comparison->subLinkType == ROWCOMPARE_SUBLINK;
    return reinterpret_cast<::Node *>(with_subquery(comparison, is_of_one ? EXPR_SUBLINK : comparison->subLinkType,
                                                    is_of_one ? nullptr : is_true(comparison->location), query));
}

::Node *with_existing_rows(::Node *condition)
{
    if (condition == nullptr || !IsA(condition, BoolExpr) || castNode(BoolExpr, condition)->boolop != AND_EXPR)
        return condition == nullptr ? nullptr : existing_row(condition);
    List *conjuncts = NIL;
    ListCell *cell;
    foreach (cell, castNode(BoolExpr, condition)->args)
        conjuncts = lappend(conjuncts, with_existing_rows(static_cast<::Node *>(lfirst(cell))));
    return reinterpret_cast<::Node *>(makeBoolExpr(AND_EXPR, conjuncts, -1));
}

} // namespace pgtrickle::definition
