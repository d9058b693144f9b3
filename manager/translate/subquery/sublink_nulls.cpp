/*
 * NOT IN and the like where a comparison may be NULL (sublink.cpp has the logic).
 *
 * (a, b) IN (SELECT x, y …) is NULL if no row passes, and some row has a NULL or is compared with one, and differs in
 * no other column. As one condition, this has no equality, so all rows of both sides would be compared. But in each
 * such pair, one side has a NULL. The cases differ in the first column of that side that is not NULL, which
 * must be equal; all further comparisons are not false:
 *
 *     a row of the subquery with a NULL     x₁ … xⱼ₋₁ are NULL, xⱼ = aⱼ             or all are NULL
 *     a row of the input with a NULL        a₁ … aᵢ₋₁ are NULL, xᵢ = aᵢ or is NULL   or all are NULL
 *
 * Few rows have a NULL, and few refreshes change one of them. The rows of the subquery that have one are kept, so that
 * most refreshes see that side of a case unchanged. So are those of the input; deltas come from the rows without a NULL
 * and from these separately (engine/operators/partitioned.cpp).
 */
#include "translate/subquery/sublink.hpp"

#include "pg/limit.hpp"
#include "pg/versions/parser.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* A side is read once more for its rows with a NULL; a join of many relations would be computed twice. */
constexpr int most_reads_of_kept = 8;
/* A row of a heap must fit into a page even if all values that can be are kept out of line. */
constexpr int most_bytes_of_kept = 4000;
/* The text of the cases grows with the square of the columns that are split. */
constexpr size_t most_split = 4;

constexpr ValueType boolean = {BOOLOID, -1, InvalidOid};

/* The functions from here to reads_link() are PostgreSQL frames. */

Node *null_test(Node *argument, NullTestType type)
{
    NullTest *test = makeNode(NullTest);
    test->arg = static_cast<Expr *>(copyObjectImpl(argument));
    test->nulltesttype = type;
    test->location = -1;
    return reinterpret_cast<Node *>(test);
}

Node *is_not_false_test(Node *condition)
{
    BooleanTest *test = makeNode(BooleanTest);
    test->arg = static_cast<Expr *>(copyObjectImpl(condition));
    test->booltesttype = IS_NOT_FALSE;
    test->location = -1;
    return reinterpret_cast<Node *>(test);
}

/* Whether the test is an operator that returns NULL only for a NULL argument. */
bool is_comparison(const Node *test)
{
    if (!IsA(test, OpExpr) || list_length(reinterpret_cast<const OpExpr *>(test)->args) != 2)
        return false;
    const Oid op = reinterpret_cast<const OpExpr *>(test)->opno;
    return op_strict(op) &&
           (is_in_ordered_family(op) ||
            op_hashjoinable(op, exprType(static_cast<Node *>(linitial(reinterpret_cast<const OpExpr *>(test)->args)))));
}

bool reads_link(Node *node, void *)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Param) && castNode(Param, node)->paramkind == PARAM_SUBLINK)
        return true;
    return walk_expression(node, reads_link, nullptr);
}

bool is_of_subquery(Node *node)
{
    return call([&] { return reads_link(node, nullptr); });
}

OpExpr *comparison(Node *test)
{
    return call([&] { return is_comparison(test); }) ? castNode(OpExpr, test) : nullptr;
}

Node *is_null(Node *node)
{
    return call([&] { return null_test(node, IS_NULL); });
}

Node *is_not_null(Node *node)
{
    return call([&] { return null_test(node, IS_NOT_NULL); });
}

Node *is_not_false(Node *test)
{
    return call([&] { return is_not_false_test(test); });
}

Node *any_of(const std::vector<Node *> &nodes)
{
    return call([&] {
        List *all = NIL;
        for (Node *node : nodes)
            all = lappend(all, node);
        return list_length(all) == 1 ? nodes.front() : reinterpret_cast<Node *>(makeBoolExpr(OR_EXPR, all, -1));
    });
}

bool may_be_null(Node *node, const Input &input)
{
    if (IsA(node, RelabelType))
        return may_be_null(reinterpret_cast<Node *>(castNode(RelabelType, node)->arg), input);
    if (IsA(node, Const))
        return castNode(Const, node)->constisnull;
    const int position = position_in(input.scope, node);
    return position < 0 || engine::columns(input.plan).at(position).may_be_null;
}

Input rows_where(const Input &input, const std::vector<Node *> &conditions)
{
    return {filtered(input, conditions), input.scope};
}

/* Returns the first columns of the input, and the value if there is one. */
engine::PlanPtr first_columns(const Input &input, size_t count, Node *value = nullptr)
{
    const auto &columns = engine::columns(input.plan);
    std::vector<engine::NamedExpression> expressions;
    for (size_t i = 0; i < count; i++)
        expressions.push_back({engine::column_reference(static_cast<int>(i), columns[i]), "c" + std::to_string(i + 1)});
    if (value != nullptr)
        expressions.push_back({expression_of(value, input.scope), "value"});
    return engine::project(input.plan, std::move(expressions));
}

/* Returns the least size in a row of a value of the type, out of line if it can be; -1 if no table has such a
 * column. PostgreSQL frame. */
int least_bytes_of(Oid type)
{
    constexpr int bytes_out_of_line = 24;
    const int length = get_typlen(type);
    return get_typtype(type) == TYPTYPE_PSEUDO ? -1
           : length > 0                        ? static_cast<int>(MAXALIGN(length))
                                               : bytes_out_of_line;
}

/* Whether rows of the input can be in an arrangement. */
bool can_be_kept(const Input &input)
{
    if (engine::reads(input.plan) > most_reads_of_kept || !engine::can_be_copied(input.plan))
        return false;
    int bytes = 0;
    for (Node *node : input.scope) {
        const Oid type = node == nullptr ? BOOLOID : value_type(node).type;
        const int least = call([=] { return least_bytes_of(type); });
        if (least < 0)
            return false;
        bytes += least;
    }
    return bytes <= most_bytes_of_kept;
}

/* Returns the rows for which any of the nodes is NULL, kept where this is possible. */
engine::PlanPtr rows_with_null(const Input &input, const std::vector<Node *> &nodes)
{
    std::vector<Node *> tests;
    for (Node *node : nodes)
        tests.push_back(is_null(node));
    const Input rows = rows_where(input, {any_of(tests)});
    return can_be_kept(input)
               ? engine::copy(first_columns(rows, engine::columns(rows.plan).size()), engine::CopyReason::shared)
               : rows.plan;
}

} // namespace

struct SublinkOver::Tests {
    /* A comparison of a value of the input with one of the subquery, one of which may be NULL. */
    struct Split {
        Node *test, *left, *right;
        bool left_may_be_null, right_may_be_null;
    };
    std::vector<Split> split;
    std::vector<Node *> others; /* never NULL, or not false */
    bool may_pass = false;      /* rows that pass the others may be those that pass all */

    /* Returns the others, the comparison `place` unless it is NULL, and that those behind it are not false. */
    std::vector<Node *> from(size_t place, bool is_null, bool is_only_null_behind, bool Split::*may_be_null) const
    {
        std::vector<Node *> tests = others;
        if (!is_null)
            tests.push_back(split[place].test);
        for (size_t i = place + 1; i < split.size(); i++)
            if (!is_only_null_behind || !(split[i].*may_be_null))
                tests.push_back(is_not_false(split[i].test));
        return tests;
    }
    /* Returns those values of one side, from a place on, that may be NULL. */
    std::vector<Node *> nulls(bool Split::*may_be_null, Node *Split::*side, size_t first = 0) const
    {
        std::vector<Node *> nodes;
        for (size_t i = first; i < split.size(); i++)
            if (split[i].*may_be_null)
                nodes.push_back(split[i].*side);
        return nodes;
    }
};

SublinkOver::Tests SublinkOver::sorted(const std::vector<Node *> &tests, const Other &other) const
{
    Tests result;
    for (Node *test : tests) {
        const OpExpr *one = comparison(test);
        if (one == nullptr) {
            result.others.push_back(is_not_false(test));
            result.may_pass = true;
            continue;
        }
        auto *left = static_cast<Node *>(linitial(one->args)), *right = static_cast<Node *>(lsecond(one->args));
        const bool is_left_of_subquery = is_of_subquery(left);
        const bool left_may_be_null = may_be_null(left, is_left_of_subquery ? other.input : input_);
        const bool right_may_be_null = may_be_null(right, is_of_subquery(right) ? other.input : input_);
        if (!left_may_be_null && !right_may_be_null) {
            result.others.push_back(test);
        } else if (is_left_of_subquery || result.split.size() == most_split) {
            result.others.push_back(is_not_false(test));
            result.may_pass = true;
        } else {
            result.split.push_back({test, left, right, left_may_be_null, right_may_be_null});
        }
    }
    return result;
}

/* Returns the cases in which the tests are NULL for some row; some of them include rows that pass. The first ones are
 * for all rows of the input, the others for disjoint sets of the rows with a NULL. */
std::vector<SublinkOver::Cases> SublinkOver::null_cases(const Other &other, const Tests &tests) const
{
    Cases all;
    if (tests.may_pass) {
        Case one = {other, tests.others};
        for (const auto &each : tests.split)
            one.tests.push_back(each.test);
        all.cases.push_back(std::move(one));
    }
    const std::vector<Node *> nullable = tests.nulls(&Tests::Split::right_may_be_null, &Tests::Split::right);
    std::optional<Input> with_null;
    if (!nullable.empty()) /* of one column, they are found once */
        with_null =
            tests.split.size() == 1 ? other.input : Input{rows_with_null(other.input, nullable), other.input.scope};
    if (with_null)
        add_nulls_of_other(all, {*with_null, other.conjuncts, other.has_domain}, tests);
    std::vector<Cases> result = {std::move(all)};
    if (!tests.nulls(&Tests::Split::left_may_be_null, &Tests::Split::left).empty())
        add_nulls_of_input(result, other, with_null, tests);
    return result;
}

/* `with_null` are the rows of the subquery with a NULL. */
void SublinkOver::add_nulls_of_other(Cases &all, const Other &with_null, const Tests &tests) const
{
    std::vector<Node *> before;
    auto rows = [&](Node *condition) {
        Other other = with_null;
        other.input =
            rows_where(rows_where(other.input, before), condition ? std::vector{condition} : std::vector<Node *>{});
        return other;
    };
    for (size_t place = 0; place < tests.split.size(); place++) {
        const Tests::Split &one = tests.split[place];
        const size_t behind = tests.nulls(&Tests::Split::right_may_be_null, &Tests::Split::right, place + 1).size();
        if (place > 0 || behind > 0)
            all.cases.push_back(
                {rows(one.right_may_be_null ? is_not_null(one.right) : nullptr),
                 tests.from(place, false, place == 0 && behind == 1, &Tests::Split::right_may_be_null)});
        if (!one.right_may_be_null)
            return;
        before.push_back(is_null(one.right));
    }
    all.cases.push_back({rows(nullptr), tests.others});
}

void SublinkOver::add_nulls_of_input(std::vector<Cases> &result, const Other &other,
                                     const std::optional<Input> &with_null, const Tests &tests) const
{
    std::vector<Node *> before;
    for (size_t place = 0; place < tests.split.size(); place++) {
        const Tests::Split &one = tests.split[place];
        const std::vector<Node *> behind = tests.nulls(&Tests::Split::left_may_be_null, &Tests::Split::left, place + 1);
        const bool is_only = place == 0 && behind.size() == 1;
        if (place > 0 || !behind.empty()) {
            Cases cases = {before, {{other, tests.from(place, false, is_only, &Tests::Split::left_may_be_null)}}};
            if (one.left_may_be_null)
                cases.of_input.push_back(is_not_null(one.left));
            if (place == 0) {
                std::vector<Node *> nulls;
                for (Node *node : behind)
                    nulls.push_back(is_null(node));
                cases.of_input.push_back(any_of(nulls));
            }
            if (one.right_may_be_null)
                cases.cases.push_back(
                    {{rows_where(*with_null, {is_null(one.right)}), other.conjuncts, other.has_domain},
                     tests.from(place, true, is_only, &Tests::Split::left_may_be_null)});
            result.push_back(std::move(cases));
        }
        if (!one.left_may_be_null)
            return;
        before.push_back(is_null(one.left));
    }
    result.push_back({before, {{other, tests.others}}});
}

void SublinkOver::keep_false(const Other &other, const std::vector<Node *> &tests)
{
    const Tests sorted = this->sorted(tests, other);
    std::vector<Cases> all = null_cases(other, sorted);
    if (!sorted.may_pass)
        all.front().cases.insert(all.front().cases.begin(), {other, tests});
    (void)by_parts(all, sorted, [&](Cases &part, const std::vector<Node *> &of_input) -> Node * {
        for (Case &one : part.cases)
            keep_without(one, of_input);
        return nullptr;
    });
}

/* Keeps the rows that do not meet `of_input`, or for which no row passes the tests. A mark is computed after
 * `of_input`, which few rows meet: an anti join would compare all. */
void SublinkOver::keep_without(Case &one, const std::vector<Node *> &of_input)
{
    if (of_input.empty())
        return keep(engine::SemiKind::anti, one.other, one.tests);
    const engine::Condition condition = this->condition(one.other, one.tests);
    if (condition.equalities.empty() && condition.others.empty())
        return keep_by_row(engine::SemiKind::anti, one.other, of_input);
    Node *found = mark(one.other, one.tests, of_input);
    Node *wanted = call([&] { return reinterpret_cast<Node *>(makeBoolExpr(NOT_EXPR, list_make1(found), -1)); });
    input_.plan = engine::filter(input_.plan, expression_of(wanted, input_.scope));
}

/* Returns whether a row passes the tests; NULL if none does, and they are NULL for some row. */
Node *SublinkOver::any_or_null(Other other, const std::vector<Node *> &tests)
{
    const Tests sorted = this->sorted(tests, other);
    std::vector<Cases> all = null_cases(other, sorted);
    const Cases *first = &all.front();
    return by_parts(all, sorted, [&](Cases &part, const std::vector<Node *> &of_input) {
        Node *any = &part == first ? mark(other, tests) : nullptr;
        for (Case &one : part.cases) {
            Node *found = mark(one.other, one.tests, of_input);
            any = call([&] {
                auto *null =
                    reinterpret_cast<Node *>(makeBoolExpr(AND_EXPR, list_make2(found, makeBoolConst(false, true)), -1));
                return any == nullptr ? null
                                      : reinterpret_cast<Node *>(makeBoolExpr(OR_EXPR, list_make2(any, null), -1));
            });
        }
        return any;
    });
}

/* Applies the cases to the input, and returns the disjunction of their values, which are all NULL or none. If there are
 * cases for rows with a NULL, and these can be kept, the delta is that of the parts of the input. A value that may fail
 * parts no rows: it would be computed for those that other conditions exclude. */
template <class Apply> Node *SublinkOver::by_parts(std::vector<Cases> &all, const Tests &tests, Apply apply)
{
    const std::vector<Node *> nullable = tests.nulls(&Tests::Split::left_may_be_null, &Tests::Split::left);
    const Input before = input_;
    const size_t width = before.scope.size();
    std::vector<Node *> no_nulls;
    for (Node *node : nullable)
        no_nulls.push_back(is_not_null(node));
    Node *value = nullptr;
    for (Cases &part : all) {
        Node *more = apply(part, part.of_input);
        value = value == nullptr ? more : any_of({value, more});
    }
    const bool may_fail = std::any_of(tests.split.begin(), tests.split.end(), [&](const Tests::Split &one) {
        return expression_of(one.left, before.scope).may_fail;
    });
    if (nullable.empty() || tests.split.size() < 2 || may_fail || !can_be_kept(before))
        return value;
    const engine::PlanPtr rows = first_columns(input_, width, value);
    const Input with_null = {rows_with_null(before, nullable), before.scope};
    std::vector<engine::PlanPtr> parts;
    for (Cases &part : all) {
        input_ = part.of_input.empty() ? rows_where(before, no_nulls) : rows_where(with_null, part.of_input);
        Node *of_part = apply(part, {});
        parts.push_back(first_columns(input_, width, of_part));
    }
    input_ = {engine::partitioned(rows, engine::union_all(std::move(parts))), before.scope};
    if (value == nullptr)
        return nullptr;
    input_.scope.push_back(new_param(boolean, translator_.next_param()));
    return input_.scope.back();
}

} // namespace pgtrickle::translate
