/*
 * A conjunct with scalar subqueries that are not correlated, `c_acctbal > (SELECT avg(…) …)`, as a semi join
 * with the only row of their values.
 *
 * Only the conjunct reads the values, so a change of them changes the rows for which the conjunct becomes
 * true or false, not all rows. For a comparison by the default order of a type, the plan includes the order
 * (engine/operators/joins/truth_changes.cpp), and the engine finds these rows by a range.
 */
#include "translate/subquery/sublink.hpp"

#include "translate/check/can_fail.hpp"
#include "translate/subquery/guard.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* An ordering comparison; [0] and [1] are its first and second argument. */
struct Order {
    bool is_found;
    Oid opposite;
    Oid less[2], greater[2]; /* operators by which each of the arguments is sorted */
    bool is_greater;         /* > or >= */
};

/* The functions from here to without_error() are PostgreSQL frames. */

constexpr StrategyNumber opposites[] = {0, BTGreaterEqualStrategyNumber, BTGreaterStrategyNumber,
                                        0, BTLessStrategyNumber,         BTLessEqualStrategyNumber};

/* Returns the order if the comparison belongs to the family by which indexes are ordered by default, and has
 * the collation of its arguments: otherwise the extremes of a plain ORDER BY, and an index, would have
 * another order. A comparison that is not immutable may convert one side to another time zone, which does not keep the
 * order of local times. */
Order order_of(const OpExpr *test)
{
    Order order = {};
    Oid left, right;
    op_input_types(test->opno, &left, &right);
    const Oid opclass = GetDefaultOpClass(left, BTREE_AM_OID);
    if (!OidIsValid(opclass))
        return order;
    const Oid family = get_opclass_family(opclass);
    const int strategy = get_op_opfamily_strategy(test->opno, family);
    if (strategy == 0 || opposites[strategy] == 0 || op_volatile(test->opno) != PROVOLATILE_IMMUTABLE)
        return order;
    ListCell *cell;
    foreach (cell, test->args)
        if (exprCollation(static_cast<Node *>(lfirst(cell))) != test->inputcollid)
            return order;
    const Oid types[] = {left, right};
    order.opposite = get_opfamily_member(family, left, right, static_cast<int16>(opposites[strategy]));
    order.is_found = OidIsValid(order.opposite) && op_strict(test->opno) && op_strict(order.opposite);
    for (int i = 0; i < 2; i++) {
        order.less[i] = get_opfamily_member(family, types[i], types[i], BTLessStrategyNumber);
        order.greater[i] = get_opfamily_member(family, types[i], types[i], BTGreaterStrategyNumber);
        order.is_found = order.is_found && OidIsValid(order.less[i]) && OidIsValid(order.greater[i]);
    }
    order.is_greater = strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber;
    return order;
}

/* Returns `test` with another operator. */
Node *opposite_of(const OpExpr *test, Oid number)
{
    auto *opposite = static_cast<OpExpr *>(copyObjectImpl(test));
    opposite->opno = number;
    opposite->opfuncid = get_opcode(number);
    return reinterpret_cast<Node *>(opposite);
}

/* Returns pgt_only_row(value, rows) as an expression that is NULL where the function would raise an error:
 * the engine evaluates it row by row, and for no row the value is not read. */
Node *without_error(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (!IsA(node, FuncExpr) || castNode(FuncExpr, node)->funcid != *static_cast<Oid *>(context))
        return mutate_expression(node, without_error, context);
    List *arguments = castNode(FuncExpr, node)->args;
    auto *value = static_cast<Node *>(linitial(arguments));
    Const *two = makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(2), false, FLOAT8PASSBYVAL);
    CaseWhen *when = makeNode(CaseWhen);
    when->expr = make_opclause(Int8LessOperator, BOOLOID, false, static_cast<Expr *>(lsecond(arguments)),
                               reinterpret_cast<Expr *>(two), InvalidOid, InvalidOid);
    castNode(OpExpr, when->expr)->opfuncid = F_INT8LT;
    when->result = reinterpret_cast<Expr *>(value);
    when->location = -1;
    CaseExpr *choice = makeNode(CaseExpr);
    choice->casetype = exprType(value);
    choice->casecollid = exprCollation(value);
    choice->args = list_make1(when);
    choice->defresult =
        reinterpret_cast<Expr *>(makeNullConst(choice->casetype, -1, get_typcollation(choice->casetype)));
    choice->location = -1;
    return reinterpret_cast<Node *>(choice);
}

/* Whether the subquery may fail, and the conjunct evaluates it for some rows only. */
bool is_for_some_rows(Node *conjunct, SubLink *link)
{
    return call([&] { return may_fail_in(link) && guard_of(list_make1(conjunct), link, false, nullptr) != nullptr; });
}

/* Returns `conjunct` as a comparison of the rows, which are the first `left_width` columns of `scope`, with
 * the values. */
std::optional<engine::Comparison> comparison_of(Node *conjunct, const Scope &scope, int left_width)
{
    if (!IsA(conjunct, OpExpr) || list_length(castNode(OpExpr, conjunct)->args) != 2)
        return std::nullopt;
    const auto *test = castNode(OpExpr, conjunct);
    const Order order = call([&] { return order_of(test); });
    if (!order.is_found)
        return std::nullopt;
    Node *arguments[] = {static_cast<Node *>(linitial(test->args)), static_cast<Node *>(lsecond(test->args))};
    engine::Expression sides[] = {expression_of(arguments[0], scope), expression_of(arguments[1], scope)};
    auto is_within = [&](const engine::Expression &side, bool is_left) {
        const auto columns = side.columns();
        return !columns.empty() && std::all_of(columns.begin(), columns.end(),
                                               [&](int column) { return (column < left_width) == is_left; });
    };
    const int value = is_within(sides[0], false) ? 0 : 1; /* the argument that reads the values */
    if (!is_within(sides[1 - value], true) || !is_within(sides[value], false))
        return std::nullopt;
    const Scope both = {arguments[1 - value], arguments[value]};
    engine::Comparison comparison;
    comparison.left = sides[1 - value];
    Oid only_row = only_row_function();
    comparison.right = expression_of(call([&] { return without_error(arguments[value], &only_row); }), scope);
    comparison.holds = expression_of(conjunct, both);
    comparison.fails = expression_of(call([&] { return opposite_of(test, order.opposite); }), both);
    comparison.less = call([&] { return operator_name(order.less[value]); });
    comparison.greater = call([&] { return operator_name(order.greater[value]); });
    comparison.is_upwards = order.is_greater == (value == 1);
    return comparison;
}

} // namespace

bool filter_by_scalars(Translator &translator, const Level &level, Input &input, Node *conjunct)
{
    for (Node *link : sublinks_of(conjunct)) {
        if (castNode(SubLink, link)->subLinkType != EXPR_SUBLINK || translator.is_correlated(castNode(SubLink, link)) ||
            is_for_some_rows(conjunct, castNode(SubLink, link)))
            return false;
    }
    Input row;
    std::vector<Node *> nodes = {conjunct};
    translator.evaluate_sublinks(level, row, nodes);
    Scope scope = input.scope;
    scope.insert(scope.end(), row.scope.begin(), row.scope.end());
    const int width = static_cast<int>(input.scope.size());
    engine::Condition condition;
    add_conjunct(condition, nodes[0], scope, {width});
    std::optional<engine::Comparison> comparison;
    if (condition.equalities.empty())
        comparison = comparison_of(nodes[0], scope, width);
    input.plan =
        engine::semi_join(engine::SemiKind::semi, input.plan, row.plan, std::move(condition), std::move(comparison));
    return true;
}

} // namespace pgtrickle::translate
