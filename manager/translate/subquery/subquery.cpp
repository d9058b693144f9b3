/*
 * The parts of a correlated subquery: rows that outer rows select, and the rows of an aggregate that returns
 * a row even for no input.
 *
 * In a global aggregate under a domain D each combination of D is a group, including those without rows: the
 * input is D ⟕ rows with a marker, grouped by D, and every aggregate is filtered by the marker.
 */
#include "translate/subquery/sublink.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
}

namespace pgtrickle::translate {

namespace {

bool is_plain(const Query *query, bool is_set)
{
    const bool has_limit = query->limitCount != nullptr || query->limitOffset != nullptr;
    return query->commandType == CMD_SELECT && query->setOperations == nullptr && query->groupClause == NIL &&
           query->groupingSets == NIL && !query->hasAggs && !query->hasWindowFuncs && !query->hasTargetSRFs &&
           query->havingQual == nullptr && !has_limit && !query->hasDistinctOn &&
           (is_set || query->distinctClause == NIL);
}

struct Marking {
    Node *marker;
    Index depth;
};

/* Makes every aggregate of the level skip rows whose marker is not true. PostgreSQL frame. */
Node *filter_aggregates(Node *node, void *context)
{
    auto *marking = static_cast<Marking *>(context);
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Query)) {
        marking->depth++;
        Query *copy = query_tree_mutator(reinterpret_cast<Query *>(node), for_core(filter_aggregates), context, 0);
        marking->depth--;
        return reinterpret_cast<Node *>(copy);
    }
    if (IsA(node, Aggref) && castNode(Aggref, node)->agglevelsup == marking->depth) {
        auto *copy = static_cast<Aggref *>(copyObjectImpl(node));
        auto *marker = static_cast<Expr *>(copyObjectImpl(marking->marker));
        copy->aggfilter =
            copy->aggfilter == nullptr ? marker : makeBoolExpr(AND_EXPR, list_make2(marker, copy->aggfilter), -1);
        return reinterpret_cast<Node *>(copy);
    }
    return mutate_expression(node, filter_aggregates, context);
}

engine::Column marker_column()
{
    engine::Column column = column_of({BOOLOID, -1, InvalidOid}, "marker");
    column.may_be_null = false;
    return column;
}

/* Returns `rows` with a column that is true, which `marker` represents. */
Input marked(Input rows, Node *marker)
{
    engine::Expression constant;
    constant.pieces = {std::string("true")};
    constant.result = marker_column();
    constant.may_fail = false;
    return with_column(std::move(rows), std::move(constant), marker);
}

/* Returns the outer rows joined with `rows`, or with NULLs. */
Input beside(const Input &outer, const Input &rows, engine::Condition condition)
{
    Input result;
    result.plan = engine::outer_join(engine::OuterKind::left, outer.plan, rows.plan, std::move(condition));
    result.scope = outer.scope;
    result.scope.insert(result.scope.end(), rows.scope.begin(), rows.scope.end());
    return result;
}

} // namespace

Input with_column(Input rows, engine::Expression value, Node *node)
{
    std::vector<engine::NamedExpression> expressions;
    std::vector<std::string> names;
    const auto columns = engine::columns(rows.plan);
    for (size_t i = 0; i < columns.size(); i++) {
        expressions.push_back({engine::column_reference(static_cast<int>(i), columns[i]), {}});
        names.push_back(columns[i].name);
    }
    names.push_back(value.result.name);
    expressions.push_back({std::move(value), {}});
    names = distinct_names(std::move(names));
    for (size_t i = 0; i < names.size(); i++)
        expressions[i].name = names[i];
    rows.plan = engine::project(rows.plan, std::move(expressions));
    rows.scope.push_back(node);
    return rows;
}

Input with_made_up_rows(const Domain &domain, Input rows, Node *marker)
{
    const Input all = {domain.plan, domain.scope};
    rows = marked(std::move(rows), marker);
    engine::Condition condition = joining_back(all, references_to(domain), rows);
    hide(rows.scope, references_to(domain));
    return beside(all, rows, std::move(condition));
}

Node *without_made_up_rows(Node *aggregate, Node *marker)
{
    return call([&] {
        Marking marking = {marker, 0};
        return filter_aggregates(aggregate, &marking);
    });
}

std::optional<PlainRows> Translator::plain_from(const Level &level, const std::vector<Node *> &read)
{
    InnerJoin join;
    PlainRows rows;
    List *uncorrelated = NIL;
    List *items = NIL;

    FromClause::collect(reinterpret_cast<Node *>(level.query->jointree), join);
    for (Node *conjunct : join.conjuncts) {
        if (!reads_domain(conjunct)) {
            uncorrelated = call([&] { return lappend(uncorrelated, conjunct); });
            continue;
        }
        if (has_sublink(conjunct))
            return std::nullopt;
        rows.conjuncts.push_back(conjunct);
    }
    for (Node *item : join.items) {
        if (reads_domain(item))
            return std::nullopt;
        items = call([&] { return lappend(items, item); });
    }
    if (reads_domain(level.query->rtable) || reads_domain(level.query->cteList))
        return std::nullopt;
    const Query *query = call([&] {
        Query *copy = makeNode(Query);
        memcpy(copy, level.query, sizeof(Query));
        copy->jointree = makeFromExpr(items, reinterpret_cast<Node *>(uncorrelated));
        return copy;
    });
    std::vector<Node *> all = read;
    all.insert(all.end(), rows.conjuncts.begin(), rows.conjuncts.end());
    rows.input = from({query, level.parent, nullptr, level.is_copy}, all);
    return rows;
}

std::optional<PlainRows> Translator::plain_rows(const Level &parent, const Query *subquery,
                                                const std::vector<int> &needed, bool is_set)
{
    if (!is_plain(subquery, is_set))
        return std::nullopt;
    check_level(subquery);
    const Query *query = flattened(subquery);
    std::vector<Node *> targets;
    for (int number : needed) {
        targets.push_back(reinterpret_cast<Node *>(target(query, number)->expr));
        if (has_sublink(targets.back()))
            return std::nullopt;
    }
    auto rows = plain_from({query, &parent, nullptr, true}, targets);
    if (rows)
        rows->targets = targets;
    return rows;
}

Input Translator::rows_to_count(const Level &level, Query *query, const std::vector<Node *> &read)
{
    const Domain &domain = *level.domain;
    const Input all = {domain.plan, domain.scope};
    const int width = static_cast<int>(domain.scope.size());
    Node *marker = new_param({BOOLOID, -1, InvalidOid}, next_param_);
    Input result;

    if (auto plain = plain_from(level, read)) {
        const Input rows = marked(std::move(plain->input), marker);
        engine::Condition condition;
        Scope scope = all.scope;
        scope.insert(scope.end(), rows.scope.begin(), rows.scope.end());
        for (Node *conjunct : plain->conjuncts)
            add_conjunct(condition, conjunct, scope, {width});
        result = beside(all, rows, std::move(condition));
    } else {
        result = with_made_up_rows(domain, from(level, read), marker);
    }
    call([&] {
        Marking marking = {marker, 0};
        query->targetList =
            castNode(List, mutate_expression(reinterpret_cast<Node *>(query->targetList), filter_aggregates, &marking));
        query->havingQual = filter_aggregates(query->havingQual, &marking);
    });
    return result;
}

} // namespace pgtrickle::translate
