/*
 * EXISTS, ANY and ALL (sublink.cpp has the logic), as semi, anti and mark joins. sublink_nulls.cpp has the rows for
 * which a test is NULL.
 */
#include "translate/subquery/sublink.hpp"

#include "translate/check/can_fail.hpp"
#include "translate/subquery/correlated_cte.hpp"

#include "pg/equality.hpp"
#include "pg/limit.hpp"
#include "pg/versions/parser.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/transam.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

constexpr ValueType boolean = {BOOLOID, -1, InvalidOid};

/* The functions from here to strip_for_exists() are PostgreSQL frames. */

Node *make_bool(BoolExprType type, List *arguments)
{
    return reinterpret_cast<Node *>(makeBoolExpr(type, arguments, -1));
}

/* Whether the operator is one of PostgreSQL, or the equality of a type. A query does not depend on the other operators
 * of users that are negators of its own, and printed texts may not use them (pg/known_objects.hpp). */
bool is_usable(const OpExpr *test)
{
    const Oid type = exprType(static_cast<Node *>(linitial(test->args)));
    return test->opno < FirstNormalObjectId ||
           ((op_mergejoinable(test->opno, type) || op_hashjoinable(test->opno, type)) && is_own_equality(test));
}

Node *negation(Node *test)
{
    const auto *expression = reinterpret_cast<OpExpr *>(test);
    const Oid negator = IsA(test, OpExpr) ? get_negator(expression->opno) : InvalidOid;
    if (OidIsValid(negator)) {
        auto *negated = static_cast<OpExpr *>(copyObjectImpl(test));
        negated->opno = negator;
        negated->opfuncid = get_opcode(negator);
        if (is_usable(negated))
            return reinterpret_cast<Node *>(negated);
    }
    return make_bool(NOT_EXPR, list_make1(test));
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

/* Returns a row with one boolean column. */
engine::PlanPtr whether_there_is_a_row(const engine::PlanPtr &rows)
{
    const engine::Column count = column_of({INT8OID, -1, InvalidOid}, "count");
    engine::Expression is_positive = engine::column_reference(0, count);
    is_positive.pieces.emplace_back(std::string(" OPERATOR(pg_catalog.>) 0"));
    is_positive.result = column_of(boolean);
    is_positive.result.may_be_null = false;
    const engine::AggregateCall counted{&engine::count_family, {}, {}, count};
    return engine::project(engine::aggregate(rows, {}, {counted}), {{is_positive, "mark"}});
}

struct Reading {
    Node *param;
    bool is_read;
};

/* Makes each query that may fail read the Param, as a condition. A set operation has none; its operands read it. */
bool make_reader(Node *node, void *context)
{
    auto *reading = static_cast<Reading *>(context);
    if (node == nullptr)
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, make_reader, context);
    auto *query = castNode(Query, node);
    if (query->setOperations == nullptr && may_fail_in(query)) {
        auto *conjunct = static_cast<Node *>(copyObjectImpl(reading->param));
        query->jointree->quals = make_and_qual(query->jointree->quals, conjunct);
        reading->is_read = true;
    }
    return walk_query(query, make_reader, context, 0);
}

bool is_connected(const engine::Condition &condition)
{
    return !condition.equalities.empty() || !condition.others.empty();
}

Node *conjunction(const std::vector<Node *> &nodes, Node *last)
{
    return call([&] {
        List *all = list_make1(last);
        for (Node *node : nodes)
            all = lappend(all, node);
        return list_length(all) == 1 ? last : make_bool(AND_EXPR, all);
    });
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

} // namespace

SublinkOver::SublinkOver(Translator &translator, const Level &level, Input &input, const SubLink *link, Node *guard)
    : translator_(translator), level_(level), input_(input), link_(link),
      subquery_(detached(castNode(Query, link->subselect), translator.next_param())), guard_(guard)
{
    if (link->subLinkType == EXISTS_SUBLINK)
        call([&] { strip_for_exists(subquery_.query); });
    if (guard_ != nullptr)
        refer_to_guard();
}

/* Makes a subquery that reads no column, and the queries in it that may fail, read `true`: they are not computed while
 * no row meets the guard, as the domain is empty. */
void SublinkOver::refer_to_guard()
{
    Node *always = call([] { return makeBoolConst(true, false); });
    Node *param = new_param(boolean, translator_.next_param());
    has_domain_of_guard_ = subquery_.references.empty();
    Reading reading = {param, false};
    const bool is_nested =
        has_domain_of_guard_ && link_->subLinkType == ARRAY_SUBLINK; /* array() puts it into another */
    call([&] {
        if (is_nested)
            (void)make_reader(reinterpret_cast<Node *>(subquery_.query), &reading);
        else
            (void)walk_query(subquery_.query, make_reader, &reading, 0);
        inline_correlated_ctes(subquery_.query);
    });
    if (has_domain_of_guard_ || reading.is_read)
        subquery_.references.push_back({always, param});
    if (!input_.plan)
        input_.plan = engine::values({}, {{}});
}

Domain SublinkOver::domain(Query *query)
{
    distinguish_images(query, subquery_.references, translator_.next_param());
    Input rows = input_;
    if (guard_ != nullptr)
        rows.plan = engine::filter(rows.plan, expression_of(guard_, rows.scope));
    return domain_of(rows, subquery_.references);
}

Node *SublinkOver::value()
{
    switch (link_->subLinkType) {
    case EXISTS_SUBLINK: {
        Other other = other_of({});
        return mark(other, {});
    }
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
    Node *any = any_or_null(other_of(all_targets(subquery_.query)), all);
    const bool is_all = link_->subLinkType == ALL_SUBLINK;
    return call([&] { return is_all ? make_bool(NOT_EXPR, list_make1(any)) : any; });
}

bool SublinkOver::select(bool is_negated)
{
    if (link_->subLinkType == EXISTS_SUBLINK) {
        Other other = other_of({});
        keep(is_negated ? engine::SemiKind::anti : engine::SemiKind::semi, other, {});
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
    keep_false(other, all);
    return true;
}

/* Returns the conjunction that must be true for some row; for ALL, the conjunction that makes it false. */
std::vector<Node *> SublinkOver::tests()
{
    std::vector<Node *> nodes = {link_->testexpr};
    translator_.evaluate_sublinks(level_, input_, nodes, SublinkMoment::at_end, guard_);
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
    if (rows && guard_ == nullptr &&
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
    if (other.has_domain)
        domain = this->domain(query);
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
            add_conjunct(condition, conjunct, scope, {width});
    }
    Scope scope = input_.scope;
    const Scope targets = only(other.input.scope, true);
    scope.insert(scope.end(), targets.begin(), targets.end());
    for (Node *test : tests)
        add_conjunct(condition, test, scope, {width});
    return condition;
}

Node *SublinkOver::add_column(engine::PlanPtr plan, const ValueType &type)
{
    Node *param = new_param(type, translator_.next_param());
    input_.plan = std::move(plan);
    input_.scope.push_back(param);
    return param;
}

/* Returns the row that says whether there is a row, the same one each time. */
const engine::PlanPtr &SublinkOver::has_row(Other &other)
{
    if (!other.has_row)
        other.has_row = whether_there_is_a_row(other.input.plan);
    return other.has_row;
}

/* Returns whether the row of the input meets `of_input` and some row passes the tests. The latter is one value for all
 * rows of the input if no condition connects the two. */
Node *SublinkOver::mark(Other &other, const std::vector<Node *> &tests, const std::vector<Node *> &of_input)
{
    if (!is_connected(condition(other, tests))) {
        Node *found = add_column(engine::join({input_.plan, has_row(other)}, {}), boolean);
        return conjunction(of_input, found);
    }
    std::vector<Node *> all = tests;
    all.insert(all.end(), of_input.begin(), of_input.end());
    return add_column(engine::semi_join(engine::SemiKind::mark, input_.plan, other.input.plan, condition(other, all)),
                      boolean);
}

void SublinkOver::keep(engine::SemiKind kind, Other &other, const std::vector<Node *> &tests)
{
    const engine::Condition condition = this->condition(other, tests);
    if (is_connected(condition))
        input_.plan = engine::semi_join(kind, input_.plan, other.input.plan, condition);
    else
        keep_by_row(kind, other, {});
}

/* Keeps the rows by whether the other side has a row, and they meet `of_input`: a filter with the value of one row,
 * which the executor reads once, before the rows. */
void SublinkOver::keep_by_row(engine::SemiKind kind, Other &other, const std::vector<Node *> &of_input)
{
    Node *found = new_param(boolean, translator_.next_param());
    Scope scope = input_.scope;
    scope.push_back(found);
    Node *wanted = conjunction(of_input, found);
    if (kind == engine::SemiKind::anti)
        wanted = call([&] { return make_bool(NOT_EXPR, list_make1(wanted)); });
    input_.plan =
        engine::semi_join(engine::SemiKind::semi, input_.plan, has_row(other), {{}, {expression_of(wanted, scope)}});
}

} // namespace pgtrickle::translate
