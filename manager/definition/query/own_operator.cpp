#include "definition/query/own_operator.hpp"

#include "definition/query/row_comparison.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pgtrickle::definition {

namespace {

::Node *copy_of(const void *node)
{
    return static_cast<::Node *>(copyObjectImpl(node));
}

::Node *null_test(::Node *value, NullTestType kind)
{
    NullTest *test = makeNode(NullTest);
    test->arg = reinterpret_cast<Expr *>(copy_of(value));
    test->nulltesttype = kind;
    test->location = -1;
    return reinterpret_cast<::Node *>(test);
}

::Node *applied(Oid operator_oid, ::Node *left, ::Node *right, Oid collation)
{
    return reinterpret_cast<::Node *>(make_opclause(operator_oid, BOOLOID, false,
                                                    reinterpret_cast<Expr *>(copy_of(left)),
                                                    reinterpret_cast<Expr *>(copy_of(right)), InvalidOid, collation));
}

CaseWhen *when(::Node *condition, ::Node *result)
{
    CaseWhen *clause = makeNode(CaseWhen);
    clause->expr = reinterpret_cast<Expr *>(condition);
    clause->result = reinterpret_cast<Expr *>(result);
    clause->location = -1;
    return clause;
}

::Node *searched_case(List *clauses, ::Node *otherwise, Oid type, Oid collation)
{
    CaseExpr *result = makeNode(CaseExpr);
    result->casetype = type;
    result->casecollid = collation;
    result->args = clauses;
    result->defresult = reinterpret_cast<Expr *>(otherwise);
    result->location = -1;
    return reinterpret_cast<::Node *>(result);
}

/* CASE WHEN a IS NULL THEN b IS NOT NULL WHEN b IS NULL THEN true ELSE NOT (a = b) END */
::Node *written_out(const DistinctExpr *test)
{
    auto *left = static_cast<::Node *>(linitial(test->args));
    auto *right = static_cast<::Node *>(lsecond(test->args));
    ::Node *unequal = reinterpret_cast<::Node *>(
        makeBoolExpr(NOT_EXPR, list_make1(applied(test->opno, left, right, test->inputcollid)), -1));
    return searched_case(list_make2(when(null_test(left, IS_NULL), null_test(right, IS_NOT_NULL)),
                                    when(null_test(right, IS_NULL), makeBoolConst(true, false))),
                         unequal, BOOLOID, InvalidOid);
}

/* CASE WHEN a = b THEN NULL ELSE a END */
::Node *written_out_nullif(const NullIfExpr *value)
{
    auto *left = static_cast<::Node *>(linitial(value->args));
    auto *right = static_cast<::Node *>(lsecond(value->args));
    const Oid collation = exprCollation(left);
    auto *null = reinterpret_cast<::Node *>(makeNullConst(exprType(left), exprTypmod(left), collation));
    return searched_case(list_make1(when(applied(value->opno, left, right, value->inputcollid), null)), copy_of(left),
                         exprType(left), collation);
}

/* Replaces each CaseTestExpr by `context`, the expression that the CASE tests. */
::Node *put_in(::Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (IsA(node, CaseTestExpr))
        return copy_of(context);
    /* Its other part has a CaseTestExpr of its own. */
    if (IsA(node, ArrayCoerceExpr)) {
        auto *cast = castNode(ArrayCoerceExpr, copy_of(node));
        cast->arg = reinterpret_cast<Expr *>(put_in(reinterpret_cast<::Node *>(cast->arg), context));
        return reinterpret_cast<::Node *>(cast);
    }
    if (IsA(node, CaseExpr) && castNode(CaseExpr, node)->arg != nullptr)
        return copy_of(node);
    return mutate_expression(node, put_in, context);
}

bool has_own_operator(const CaseExpr *value)
{
    ListCell *cell;
    foreach (cell, value->args) {
        auto *test = reinterpret_cast<::Node *>(lfirst_node(CaseWhen, cell)->expr);
        if (IsA(test, OpExpr) && is_own_operator(castNode(OpExpr, test)->opno))
            return true;
    }
    return false;
}

/* CASE WHEN a = b THEN … */
::Node *written_out(const CaseExpr *value)
{
    auto *result = castNode(CaseExpr, copy_of(value));
    ListCell *cell;
    foreach (cell, result->args) {
        auto *clause = lfirst_node(CaseWhen, cell);
        clause->expr = reinterpret_cast<Expr *>(put_in(reinterpret_cast<::Node *>(clause->expr), result->arg));
    }
    result->arg = nullptr;
    return reinterpret_cast<::Node *>(result);
}

bool has_own_operator(const RowCompareExpr *test)
{
    ListCell *cell;
    foreach (cell, test->opnos) {
        if (is_own_operator(lfirst_oid(cell)))
            return true;
    }
    return false;
}

/* a < c OR (a = c AND b <= d) */
::Node *written_out(const RowCompareExpr *test)
{
    ::Node *result = nullptr;
    const int strategies[] = {0, BTLessStrategyNumber,    BTLessStrategyNumber,
                              0, BTGreaterStrategyNumber, BTGreaterStrategyNumber};
    for (int i = list_length(test->opnos) - 1; i >= 0; i--) {
        auto *left = static_cast<::Node *>(list_nth(test->largs, i));
        auto *right = static_cast<::Node *>(list_nth(test->rargs, i));
        const Oid collation = list_nth_oid(test->inputcollids, i);
        if (result == nullptr) {
            result = applied(list_nth_oid(test->opnos, i), left, right, collation);
            continue;
        }
        Oid left_type, right_type;
        int strategy;
        const Oid family = list_nth_oid(test->opfamilies, i);
        get_op_opfamily_properties(list_nth_oid(test->opnos, i), family, false, &strategy, &left_type, &right_type);
        const Oid before = get_opfamily_member(family, left_type, right_type, static_cast<int16>(strategies[strategy]));
        const Oid equal = get_opfamily_member(family, left_type, right_type, BTEqualStrategyNumber);
        ::Node *as_far = applied(equal, left, right, collation);
        result = reinterpret_cast<::Node *>(makeBoolExpr(
            OR_EXPR,
            list_make2(applied(before, left, right, collation), makeBoolExpr(AND_EXPR, list_make2(as_far, result), -1)),
            -1));
    }
    return result;
}

::Node *spell(::Node *node, void *context);

/* Conditions of WHERE and ON, and what is below them, are computed of rows. */
::Node *spell_item(const ::Node *item)
{
    ::Node *result = copy_of(item);
    ::Node **condition =
        IsA(result, FromExpr) ? &castNode(FromExpr, result)->quals : &castNode(JoinExpr, result)->quals;
    *condition = with_existing_rows(*condition);
    return mutate_expression(result, spell, nullptr);
}

/* `context`: the query whose groups the expression is computed of, or null. */
::Node *spell(::Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Query))
        return reinterpret_cast<::Node *>(query_tree_mutator(castNode(Query, node), for_core(spell), node, 0));
    if (IsA(node, FromExpr) || IsA(node, JoinExpr))
        return spell_item(node);
    if (IsA(node, Aggref))
        context = nullptr;
    if (IsA(node, SubLink))
        node = compared_by_columns(castNode(SubLink, node), static_cast<Query *>(context));
    node = mutate_expression(node, spell, context);
    if (IsA(node, DistinctExpr) && is_own_operator(castNode(DistinctExpr, node)->opno))
        return written_out(castNode(DistinctExpr, node));
    if (IsA(node, NullIfExpr) && is_own_operator(castNode(NullIfExpr, node)->opno))
        return written_out_nullif(castNode(NullIfExpr, node));
    if (IsA(node, CaseExpr) && castNode(CaseExpr, node)->arg != nullptr && has_own_operator(castNode(CaseExpr, node)))
        return written_out(castNode(CaseExpr, node));
    if (IsA(node, RowCompareExpr) && has_own_operator(castNode(RowCompareExpr, node)))
        return written_out(castNode(RowCompareExpr, node));
    return node;
}

} // namespace

Oid schema_of_operator(Oid operator_oid)
{
    HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator_oid));
    if (!HeapTupleIsValid(tuple))
        return PG_CATALOG_NAMESPACE;
    const Oid schema = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple))->oprnamespace;
    ReleaseSysCache(tuple);
    return schema;
}

bool is_own_operator(Oid operator_oid)
{
    return schema_of_operator(operator_oid) != PG_CATALOG_NAMESPACE;
}

::Node *with_own_operators_spelled(::Node *node)
{
    return spell(node, nullptr);
}

} // namespace pgtrickle::definition
