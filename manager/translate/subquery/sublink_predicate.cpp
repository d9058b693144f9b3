/*
 * EXISTS, ANY and ALL (sublink.cpp has the logic), as semi, anti and mark joins.
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

constexpr ValueType boolean = {BOOLOID, -1, InvalidOid};

/* Each comparison that is split by NULLs makes three cases of one. */
constexpr size_t most_split = 2;

/* The functions from here to reads_link() are PostgreSQL frames. */

Node *make_bool(BoolExprType type, List *arguments)
{
    return reinterpret_cast<Node *>(makeBoolExpr(type, arguments, -1));
}

Node *null_test(Node *argument)
{
    NullTest *test = makeNode(NullTest);
    test->arg = static_cast<Expr *>(copyObjectImpl(argument));
    test->nulltesttype = IS_NULL;
    test->location = -1;
    return reinterpret_cast<Node *>(test);
}

Node *is_not_false(Node *condition)
{
    BooleanTest *test = makeNode(BooleanTest);
    test->arg = static_cast<Expr *>(copyObjectImpl(condition));
    test->booltesttype = IS_NOT_FALSE;
    test->location = -1;
    return reinterpret_cast<Node *>(test);
}

Node *negation(Node *test)
{
    const auto *expression = reinterpret_cast<OpExpr *>(test);
    const Oid negator = IsA(test, OpExpr) ? get_negator(expression->opno) : InvalidOid;
    if (!OidIsValid(negator))
        return make_bool(NOT_EXPR, list_make1(test));
    auto *negated = static_cast<OpExpr *>(copyObjectImpl(test));
    negated->opno = negator;
    negated->opfuncid = get_opcode(negator);
    return reinterpret_cast<Node *>(negated);
}

/* Removes clauses that do not affect whether there is a row: the order, limits on the number of rows, and groups. Where
 * a limit stays, it counts the rows, and nothing that changes their number may go. */
void strip_for_exists(Query *query)
{
    if (!leaves_a_row(query))
        return;
    query->limitCount = query->limitOffset = nullptr;
    query->limitOption = LIMIT_OPTION_COUNT;
    /* The order decides which row DISTINCT ON returns, and the set of that row may be empty. */
    if (!query->hasDistinctOn || !query->hasTargetSRFs)
        query->sortClause = NIL;
    if (!query->hasAggs && query->groupingSets == NIL && query->havingQual == nullptr && !query->hasTargetSRFs)
        query->groupClause = NIL;
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

/* Returns `scope` without the columns that only the subquery's conjuncts read or, if `of_link` is false,
 * without the targets. */
Scope only(const Scope &scope, bool of_link)
{
    Scope result = scope;
    for (Node *&node : result) {
        const bool is_of_link =
            node != nullptr && IsA(node, Param) && castNode(Param, node)->paramkind == PARAM_SUBLINK;
        if (is_of_link != of_link)
            node = nullptr;
    }
    return result;
}

engine::Expression is_positive(const engine::Column &count)
{
    engine::Expression expression = engine::column_reference(0, count);
    expression.pieces.emplace_back(std::string(" OPERATOR(pg_catalog.>) 0"));
    expression.result = column_of(boolean);
    expression.result.may_be_null = false;
    return expression;
}

} // namespace

SublinkOver::SublinkOver(Translator &translator, const Level &level, Input &input, const SubLink *link)
    : translator_(translator), level_(level), input_(input), link_(link),
      subquery_(detached(castNode(Query, link->subselect), translator.next_param()))
{
    if (link->subLinkType == EXISTS_SUBLINK)
        call([&] { strip_for_exists(subquery_.query); });
}

Node *SublinkOver::value()
{
    switch (link_->subLinkType) {
    case EXISTS_SUBLINK: return mark(other_of({}), {});
    case ANY_SUBLINK:
    case ALL_SUBLINK: break;
    case EXPR_SUBLINK: return scalar();
    case ARRAY_SUBLINK: return array();
    case ROWCOMPARE_SUBLINK: return row_comparison();
    default:
        refuse("subquery in an expression", "A SELECT cannot contain a subquery of this kind.", use_full,
               link_->location);
    }
    const std::vector<Node *> all = tests();
    Other other = other_of(all_targets(subquery_.query));
    Node *any = mark(other, all);
    for (const NullCase &one : null_cases(other, all)) {
        Node *is_null = mark(one);
        any = call([&] {
            Node *null = make_bool(AND_EXPR, list_make2(is_null, makeBoolConst(false, true)));
            return make_bool(OR_EXPR, list_make2(any, null));
        });
    }
    const bool is_all = link_->subLinkType == ALL_SUBLINK;
    return call([&] { return is_all ? make_bool(NOT_EXPR, list_make1(any)) : any; });
}

bool SublinkOver::select(bool is_negated)
{
    if (link_->subLinkType == EXISTS_SUBLINK) {
        keep(is_negated ? engine::SemiKind::anti : engine::SemiKind::semi, other_of({}), {});
        return true;
    }
    if (link_->subLinkType != ANY_SUBLINK && link_->subLinkType != ALL_SUBLINK)
        return false;
    const std::vector<Node *> all = tests();
    Other other = other_of(all_targets(subquery_.query));
    if (is_negated == (link_->subLinkType == ALL_SUBLINK)) {
        keep(engine::SemiKind::semi, other, all);
        return true;
    }
    keep(engine::SemiKind::anti, other, all);
    for (const NullCase &one : null_cases(other, all)) {
        if (one.nulls.empty()) {
            keep(engine::SemiKind::anti, one.other, one.tests);
            continue;
        }
        Node *is_null = mark(one);
        Node *is_not_null = call([&] { return make_bool(NOT_EXPR, list_make1(is_null)); });
        input_.plan = engine::filter(input_.plan, expression_of(is_not_null, input_.scope));
    }
    return true;
}

/* Returns the conjunction that must be true for some row; for ALL, the conjunction that makes it false. */
std::vector<Node *> SublinkOver::tests()
{
    std::vector<Node *> nodes = {link_->testexpr};
    translator_.evaluate_sublinks(level_, input_, nodes);
    Node *test = nodes[0];
    if (link_->subLinkType == ANY_SUBLINK)
        return conjuncts_of(test);
    std::vector<Node *> negated;
    if (IsA(test, BoolExpr) && castNode(BoolExpr, test)->boolop == OR_EXPR) {
        ListCell *cell;
        foreach (cell, castNode(BoolExpr, test)->args) {
            auto *argument = static_cast<Node *>(lfirst(cell));
            negated.push_back(call([&] { return negation(argument); }));
        }
        return negated;
    }
    return {call([&] { return negation(test); })};
}

SublinkOver::Other SublinkOver::other_of(const std::vector<int> &needed)
{
    Other other;
    Query *query = subquery_.query;
    auto link_param = [&](int number, Node *target) {
        const ValueType value = value_type(target);
        return call([&] {
            Param *param = makeNode(Param);
            param->paramkind = PARAM_SUBLINK;
            param->paramid = number;
            param->paramtype = value.type;
            param->paramtypmod = value.typmod;
            param->paramcollid = value.collation;
            param->location = -1;
            return reinterpret_cast<Node *>(param);
        });
    };
    auto rows = translator_.plain_rows(level_, query, needed, true);
    if (rows &&
        std::none_of(rows->targets.begin(), rows->targets.end(), [](Node *target) { return reads_domain(target); })) {
        std::vector<engine::NamedExpression> expressions;
        for (size_t i = 0; i < needed.size(); i++) {
            expressions.push_back({expression_of(rows->targets[i], rows->input.scope), {}});
            other.input.scope.push_back(link_param(needed[i], rows->targets[i]));
        }
        const auto &columns = engine::columns(rows->input.plan);
        for (size_t i = 0; i < columns.size(); i++) {
            if (rows->input.scope[i] == nullptr)
                continue;
            expressions.push_back({engine::column_reference(static_cast<int>(i), columns[i]), {}});
            other.input.scope.push_back(rows->input.scope[i]);
        }
        for (size_t i = 0; i < expressions.size(); i++)
            expressions[i].name = "c" + std::to_string(i + 1);
        other.input.plan = engine::project(rows->input.plan, std::move(expressions));
        other.conjuncts = rows->conjuncts;
        return other;
    }
    std::vector<int> numbers = needed;
    if (numbers.empty() && has_targets(query))
        numbers.push_back(all_targets(query).front());
    Domain domain;
    other.has_domain = !subquery_.references.empty();
    if (other.has_domain) {
        distinguish_images(query, subquery_.references, translator_.next_param());
        domain = domain_of(input_, subquery_.references);
    }
    other.input.plan = translator_.query({query, &level_, other.has_domain ? &domain : nullptr, true}, numbers);
    for (int number : numbers)
        other.input.scope.push_back(link_param(number, reinterpret_cast<Node *>(target(query, number)->expr)));
    other.input.scope.insert(other.input.scope.end(), domain.scope.begin(), domain.scope.end());
    return other;
}

/* The correlated conjuncts see the outer columns as Params, the tests see them unchanged. */
engine::Condition SublinkOver::condition(const Other &other, const std::vector<Node *> &tests) const
{
    engine::Condition condition;
    const int width = static_cast<int>(input_.scope.size());
    if (other.has_domain)
        condition = joining_back(input_, subquery_.references, other.input);
    if (!other.conjuncts.empty()) {
        Scope scope = seen_from_inside(input_.scope, subquery_.references);
        const Scope inner = only(other.input.scope, false);
        scope.insert(scope.end(), inner.begin(), inner.end());
        for (Node *conjunct : other.conjuncts)
            add_conjunct(condition, conjunct, scope, width);
    }
    Scope scope = input_.scope;
    const Scope targets = only(other.input.scope, true);
    scope.insert(scope.end(), targets.begin(), targets.end());
    for (Node *test : tests)
        add_conjunct(condition, test, scope, width);
    return condition;
}

Node *SublinkOver::add_column(engine::PlanPtr plan, const ValueType &type)
{
    Node *param = new_param(type, translator_.next_param());
    input_.plan = std::move(plan);
    input_.scope.push_back(param);
    return param;
}

/* Returns whether a row passes the tests; one value for all rows of the input if no condition connects the
 * two. */
Node *SublinkOver::mark(const Other &other, const std::vector<Node *> &tests)
{
    engine::Condition condition = this->condition(other, tests);
    if (!condition.equalities.empty() || !condition.others.empty())
        return add_column(
            engine::semi_join(engine::SemiKind::mark, input_.plan, other.input.plan, std::move(condition)), boolean);
    const engine::Column count = column_of({INT8OID, -1, InvalidOid}, "count");
    engine::PlanPtr one =
        engine::aggregate(other.input.plan, {}, {engine::AggregateCall{&engine::count_family, {}, {}, count}});
    one = engine::project(one, {{is_positive(count), "mark"}});
    return add_column(engine::join({input_.plan, one}, {}), boolean);
}

void SublinkOver::keep(engine::SemiKind kind, const Other &other, const std::vector<Node *> &tests)
{
    engine::Condition condition = this->condition(other, tests);
    if (!condition.equalities.empty() || !condition.others.empty()) {
        input_.plan = engine::semi_join(kind, input_.plan, other.input.plan, std::move(condition));
        return;
    }
    Node *is_there = mark(other, tests);
    Node *wanted =
        kind == engine::SemiKind::semi ? is_there : call([&] { return make_bool(NOT_EXPR, list_make1(is_there)); });
    input_.plan = engine::filter(input_.plan, expression_of(wanted, input_.scope));
}

/* Returns the ways in which a row of the subquery can make the tests NULL: none of them is false, and some are NULL.
 * Some ways include rows that pass all tests. */
std::vector<SublinkOver::NullCase> SublinkOver::null_cases(const Other &other, const std::vector<Node *> &tests) const
{
    std::vector<NullCase> cases = {{{}, other, {}}};
    size_t split = 0;
    bool may_pass = false; /* the first case includes rows that pass */
    for (Node *test : tests) {
        const OpExpr *one = comparison(test);
        const bool is_split = one != nullptr && !is_of_subquery(static_cast<Node *>(linitial(one->args)));
        if (is_certain(test, other)) {
            for (NullCase &each : cases)
                each.tests.push_back(test);
        } else if (is_split && split < most_split) {
            cases = split_by_nulls(cases, one);
            split++;
        } else {
            for (NullCase &each : cases)
                each.tests.push_back(call([&] { return is_not_false(test); }));
            may_pass = true;
        }
    }
    if (!may_pass)
        cases.erase(cases.begin());
    return cases;
}

/* Returns each case with a row for which the comparison is true, with one whose value is NULL, and with any row if the
 * compared value is NULL. */
std::vector<SublinkOver::NullCase> SublinkOver::split_by_nulls(const std::vector<NullCase> &cases,
                                                               const OpExpr *test) const
{
    auto *left = static_cast<Node *>(linitial(test->args));
    auto *right = static_cast<Node *>(lsecond(test->args));
    std::vector<NullCase> result;
    for (const NullCase &each : cases) {
        result.push_back(each);
        result.back().tests.push_back(reinterpret_cast<Node *>(const_cast<OpExpr *>(test)));
        if (may_be_null(right, each.other.input)) {
            result.push_back(each);
            Input &rows = result.back().other.input;
            Node *is_null = call([&] { return null_test(right); });
            rows.plan = engine::filter(rows.plan, expression_of(is_null, rows.scope));
        }
        if (may_be_null(left, input_)) {
            result.push_back(each);
            result.back().nulls.push_back(call([&] { return null_test(left); }));
        }
    }
    return result;
}

/* Returns whether the case occurs. */
Node *SublinkOver::mark(const NullCase &one)
{
    const engine::Condition condition = this->condition(one.other, one.tests);
    if (!condition.equalities.empty() || !condition.others.empty()) {
        std::vector<Node *> all = one.tests;
        all.insert(all.end(), one.nulls.begin(), one.nulls.end());
        return mark(one.other, all);
    }
    Node *has_row = mark(one.other, one.tests);
    return call([&] {
        List *all = list_make1(has_row);
        for (Node *is_null : one.nulls)
            all = lappend(all, is_null);
        return list_length(all) == 1 ? has_row : make_bool(AND_EXPR, all);
    });
}

bool SublinkOver::may_be_null(Node *node, const Input &input) const
{
    if (IsA(node, RelabelType))
        return may_be_null(reinterpret_cast<Node *>(castNode(RelabelType, node)->arg), input);
    if (IsA(node, Const))
        return castNode(Const, node)->constisnull;
    const int position = position_in(input.scope, node);
    return position < 0 || engine::columns(input.plan).at(position).may_be_null;
}

bool SublinkOver::is_certain(Node *test, const Other &other) const
{
    const OpExpr *one = comparison(test);
    if (one == nullptr)
        return false;
    for (void *argument : {linitial(one->args), lsecond(one->args)}) {
        auto *node = static_cast<Node *>(argument);
        if (may_be_null(node, is_of_subquery(node) ? other.input : input_))
            return false;
    }
    return true;
}

} // namespace pgtrickle::translate
