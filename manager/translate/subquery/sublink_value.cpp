/*
 * Scalar subqueries, rows compared with a subquery, and ARRAY (subquery): joins with the value.
 *
 * A subquery that has exactly one row for each combination of its domain is joined. For any other, the rows
 * are counted, and reading the value of more than one row raises PostgreSQL's own error: the count is passed
 * with the value to the expression, so that a CASE that does not read the subquery raises no error.
 */
#include "translate/subquery/sublink.hpp"

#include "definition/state/extension_table.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

bool has_one_row(const Query *query)
{
    return query->hasAggs && query->groupClause == NIL && query->groupingSets == NIL && query->havingQual == nullptr &&
           query->setOperations == nullptr && !query->hasTargetSRFs && query->limitCount == nullptr &&
           query->limitOffset == nullptr;
}

namespace {

/* The functions from here to array_query() are PostgreSQL frames. */

Query *copied(const Query *query)
{
    return static_cast<Query *>(copyObjectImpl(query));
}

Oid find_only_row_function()
{
    return definition::extension_function("pgt_only_row", {ANYELEMENTOID, INT8OID});
}

Node *only_row(Node *value, Node *count)
{
    const Oid function = find_only_row_function();
    const Oid collation = exprCollation(value);
    return reinterpret_cast<Node *>(
        makeFuncExpr(function, exprType(value), list_make2(value, count), collation, collation, COERCE_EXPLICIT_CALL));
}

/* Returns the targets of `subquery` that are not junk as columns of range table entry 1. */
List *columns_of(const Query *subquery)
{
    List *columns = NIL;
    ListCell *cell;
    foreach (cell, subquery->targetList) {
        const auto *entry = lfirst_node(TargetEntry, cell);
        auto *node = reinterpret_cast<Node *>(entry->expr);
        if (entry->resjunk)
            continue;
        columns = lappend(columns, makeVar(1, entry->resno, exprType(node), exprTypmod(node), exprCollation(node), 0));
    }
    return columns;
}

Aggref *array_agg_of(const Query *subquery)
{
    List *columns = columns_of(subquery);
    auto *value = static_cast<Node *>(linitial(columns));
    /* An int2vector has elements, but the array of such values is another type. */
    const Oid type = get_promoted_array_type(exprType(value));
    Aggref *aggregate = makeNode(Aggref);
    aggregate->aggfnoid = type == exprType(value) ? F_ARRAY_AGG_ANYARRAY : F_ARRAY_AGG_ANYNONARRAY;
    aggregate->aggtype = type;
    aggregate->aggcollid = exprCollation(value);
    aggregate->inputcollid = exprCollation(value);
    aggregate->aggargtypes = list_make1_oid(exprType(value));
    aggregate->aggkind = AGGKIND_NORMAL;
    aggregate->aggno = aggregate->aggtransno = -1;
    aggregate->location = -1;
    aggregate->aggorder = static_cast<List *>(copyObjectImpl(subquery->sortClause));
    ListCell *cell;
    ListCell *column;
    forboth(cell, subquery->targetList, column, columns)
    {
        const auto *entry = lfirst_node(TargetEntry, cell);
        const bool is_value = aggregate->args == NIL;
        /* Grouping columns have a sort-group reference, too. */
        const bool is_sorted_by =
            entry->ressortgroupref > 0 &&
            get_sortgroupref_clause_noerr(entry->ressortgroupref, subquery->sortClause) != nullptr;
        if (!is_value && !is_sorted_by)
            continue;
        TargetEntry *argument =
            makeTargetEntry(static_cast<Expr *>(lfirst(column)),
                            static_cast<AttrNumber>(list_length(aggregate->args) + 1), nullptr, !is_value);
        argument->ressortgroupref = is_sorted_by ? entry->ressortgroupref : 0;
        aggregate->args = lappend(aggregate->args, argument);
    }
    return aggregate;
}

/* Makes the keys of the order columns of the subquery. Junk comes after the targets that are not; DISTINCT, unlike
 * DISTINCT ON, has no keys of an order in it, and would distinguish the rows by those of GROUP BY and windows. */
void show_order(Query *subquery)
{
    if (subquery->distinctClause != NIL && !subquery->hasDistinctOn)
        return;
    ListCell *cell;
    foreach (cell, subquery->targetList)
        lfirst_node(TargetEntry, cell)->resjunk = false;
}

/* Returns SELECT array_agg(column ORDER BY …) FROM (subquery). */
Query *array_query(const Query *original)
{
    Query *subquery = copied(original);
    show_order(subquery);
    IncrementVarSublevelsUp(reinterpret_cast<Node *>(subquery), 1, 1);
    RangeTblEntry *entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_SUBQUERY;
    entry->subquery = subquery;
    entry->eref = makeAlias("rows", NIL);
    entry->inFromCl = true;
    ListCell *cell;
    foreach (cell, subquery->targetList) {
        auto *target = lfirst_node(TargetEntry, cell);
        if (target->resjunk)
            continue;
        if (target->resname == nullptr)
            target->resname = pstrdup("key");
        entry->eref->colnames = lappend(entry->eref->colnames, makeString(target->resname));
    }
    RangeTblRef *reference = makeNode(RangeTblRef);
    reference->rtindex = 1;
    Query *query = makeNode(Query);
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    query->hasAggs = true;
    query->rtable = list_make1(entry);
    query->jointree = makeFromExpr(list_make1(reference), nullptr);
    query->targetList =
        list_make1(makeTargetEntry(reinterpret_cast<Expr *>(array_agg_of(subquery)), 1, pstrdup("array"), false));
    return query;
}

Node *or_empty(Node *array)
{
    const Oid type = exprType(array);
    CoalesceExpr *coalesce = makeNode(CoalesceExpr);
    coalesce->coalescetype = type;
    coalesce->coalescecollid = exprCollation(array);
    coalesce->location = -1;
    Const *empty = makeConst(type, -1, get_typcollation(type), -1,
                             PointerGetDatum(construct_empty_array(get_element_type(type))), false, false);
    coalesce->args = list_make2(array, empty);
    return reinterpret_cast<Node *>(coalesce);
}

engine::AggregateCall any_row(int column, const engine::Column &of)
{
    engine::AggregateCall result = {&engine::holistic_family, {}, {}, of};
    engine::Expression whole;
    whole.pieces = {std::string("pgtrickle.any_one("), column, std::string(")")};
    whole.result = of;
    whole.result.may_be_null = true;
    result.result.may_be_null = true;
    result.whole = whole;
    return result;
}

} // namespace

Oid only_row_function()
{
    return call([] { return find_only_row_function(); });
}

Node *SublinkOver::scalar()
{
    return single_row(all_targets(subquery_.query)).at(0);
}

Node *SublinkOver::row_comparison()
{
    const std::vector<int> needed = all_targets(subquery_.query);
    std::vector<Node *> tests = {link_->testexpr};
    translator_.evaluate_sublinks(level_, input_, tests, SublinkMoment::at_end, guard_);
    const std::vector<Node *> values = single_row(needed);
    std::vector<Node *> params;
    for (size_t i = 0; i < needed.size(); i++) {
        const ValueType value = value_type(reinterpret_cast<Node *>(target(subquery_.query, needed[i])->expr));
        const int number = needed[i];
        params.push_back(call([&] {
            Param *param = makeNode(Param);
            param->paramkind = PARAM_SUBLINK;
            param->paramid = number;
            param->paramtype = value.type;
            param->paramtypmod = value.typmod;
            param->paramcollid = value.collation;
            return reinterpret_cast<Node *>(param);
        }));
    }
    return replaced(tests[0], params, values);
}

Node *SublinkOver::array()
{
    Query *query = call([&] { return array_query(subquery_.query); });
    Node *array = values_of(query, {1}).at(0);
    return call([&] { return or_empty(array); });
}

/* Returns the columns of a subquery that has one row. */
std::vector<Node *> SublinkOver::values_of(Query *subquery, const std::vector<int> &needed)
{
    std::vector<Node *> values;
    Input result;
    Domain domain;
    const bool is_correlated = !subquery_.references.empty();
    if (is_correlated)
        domain = this->domain(subquery);
    result.plan = translator_.query({subquery, &level_, is_correlated ? &domain : nullptr, true}, needed);
    for (int number : needed)
        values.push_back(
            new_param(value_type(reinterpret_cast<Node *>(target(subquery, number)->expr)), translator_.next_param()));
    result.scope = values;
    result.scope.insert(result.scope.end(), domain.scope.begin(), domain.scope.end());
    if (!is_correlated) {
        add_row(result);
        return values;
    }
    join_with(std::move(result), guard_ == nullptr);
    return values;
}

/* Joins the input with the rows of the subquery, of which there is one for each combination of the domain. If
 * `is_complete`, each row of the input has one. The rows of a domain that only the guard forms are one row or none, as
 * for a subquery without a domain. */
void SublinkOver::join_with(Input result, bool is_complete)
{
    Input one = {engine::values({}, {{}}), {}};
    const Input &outer = has_domain_of_guard_ ? one : input_;
    engine::Condition condition = joining_back(outer, subquery_.references, result);
    result.plan = is_complete
                      ? engine::join({outer.plan, result.plan}, std::move(condition))
                      : engine::outer_join(engine::OuterKind::left, outer.plan, result.plan, std::move(condition));
    hide(result.scope, subquery_.references);
    if (has_domain_of_guard_)
        return add_row(result);
    input_.plan = result.plan;
    input_.scope.insert(input_.scope.end(), result.scope.begin(), result.scope.end());
}

/* Adds the columns of one row to each row of the input; an input without a plan becomes that row. */
void SublinkOver::add_row(const Input &row)
{
    input_.plan = input_.plan ? engine::join({input_.plan, row.plan}, {}) : row.plan;
    input_.scope.insert(input_.scope.end(), row.scope.begin(), row.scope.end());
}

std::vector<Node *> SublinkOver::single_row(const std::vector<int> &needed)
{
    Query *query = subquery_.query;
    if (has_one_row(query))
        return values_of(query, needed);
    Domain domain;
    const bool is_correlated = !subquery_.references.empty();
    if (is_correlated)
        domain = this->domain(query);
    engine::PlanPtr rows = translator_.query({query, &level_, is_correlated ? &domain : nullptr, true}, needed);
    const auto columns = engine::columns(rows);
    std::vector<int> keys;
    std::vector<engine::AggregateCall> calls = {
        {&engine::count_family, {}, {}, column_of({INT8OID, -1, InvalidOid}, "rows")}};
    for (size_t i = 0; i < domain.scope.size(); i++)
        keys.push_back(static_cast<int>(needed.size() + i));
    for (size_t i = 0; i < needed.size(); i++)
        calls.push_back(any_row(static_cast<int>(i), columns[i]));

    Node *count = new_param({INT8OID, -1, InvalidOid}, translator_.next_param());
    Input result = {engine::aggregate(rows, keys, std::move(calls)), domain.scope};
    result.scope.push_back(count);
    std::vector<Node *> values;
    for (int number : needed) {
        Node *value =
            new_param(value_type(reinterpret_cast<Node *>(target(query, number)->expr)), translator_.next_param());
        result.scope.push_back(value);
        values.push_back(call([&] { return only_row(value, count); }));
    }
    if (!is_correlated) {
        add_row(result);
        return values;
    }
    join_with(std::move(result), false);
    return values;
}

} // namespace pgtrickle::translate
