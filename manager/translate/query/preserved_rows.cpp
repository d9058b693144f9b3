/*
 * Outer joins whose condition the engine does not support: it has a subquery that reads both sides, or one
 * side is computed from the preserved rows.
 *
 *   A ⟕ B  =  M ∪ (A ▷ M) × NULLs,   where M are the pairs for which the condition is true
 *
 * A row of A is identified in M by its columns: by their values, and by their images where equal values may
 * look different. Either all copies of a row are matched or none.
 */
#include "translate/subquery/domain.hpp"

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* Returns the columns [first, first + count) of `plan`, with NULLs in place of the other columns. */
engine::PlanPtr padded(const engine::PlanPtr &plan, size_t first, const std::vector<engine::Column> &columns)
{
    std::vector<engine::NamedExpression> expressions;
    std::vector<std::string> names;
    const auto own = engine::columns(plan);
    for (size_t i = 0; i < columns.size(); i++) {
        const bool is_own = i >= first && i < first + own.size();
        engine::Expression value = is_own ? engine::column_reference(static_cast<int>(i - first), own[i - first])
                                          : engine::null_of(columns[i]);
        value.result.may_be_null = true;
        expressions.push_back({std::move(value), {}});
        names.push_back(columns[i].name);
    }
    names = distinct_names(std::move(names));
    for (size_t i = 0; i < names.size(); i++)
        expressions[i].name = names[i];
    return engine::project(plan, std::move(expressions));
}

engine::Expression always()
{
    engine::Expression expression;
    expression.pieces = {std::string("true")};
    expression.result = column_of({BOOLOID, -1, InvalidOid});
    expression.may_fail = false;
    return expression;
}

/* Whether the column identifies rows; a whole row does not, as other columns determine it. */
bool tells_rows_apart(const Node *node)
{
    const auto *var = reinterpret_cast<const Var *>(node);
    return node != nullptr && !(IsA(node, Var) && var->varattno == 0);
}

/* Returns the rows of `side`, whose columns are those of `pairs` from `first` on, that are in no pair. */
engine::PlanPtr unmatched(const Input &side, const engine::PlanPtr &pairs, size_t first, int &next_param)
{
    Input matched = {pairs, Scope(engine::columns(pairs).size(), nullptr)};
    std::vector<Reference> references;
    for (size_t i = 0; i < side.scope.size(); i++) {
        Node *node = side.scope[i];
        if (!tells_rows_apart(node) || position_in(matched.scope, node) >= 0)
            continue;
        matched.scope.at(first + i) = node;
        if (has_equality(value_type(node)))
            references.push_back({node, new_param(value_type(node), next_param)});
        else
            references.push_back(image_reference(node, next_param));
    }
    if (references.empty())
        return engine::semi_join(engine::SemiKind::anti, side.plan, pairs, {{}, {always()}});
    distinguish_images(nullptr, references, next_param);
    const Domain seen = domain_of(matched, references);
    return engine::semi_join(engine::SemiKind::anti, side.plan, seen.plan,
                             joining_back(side, references, {seen.plan, seen.scope}));
}

} // namespace

Input with_unmatched(Input pairs, const Input *left, const Input *right, int &next_param)
{
    const size_t width = pairs.scope.size();
    auto columns = engine::columns(pairs.plan);
    columns.resize(width);
    pairs.plan = padded(pairs.plan, 0, columns);
    std::vector<engine::PlanPtr> branches = {pairs.plan};
    if (left != nullptr)
        branches.push_back(padded(unmatched(*left, pairs.plan, 0, next_param), 0, columns));
    if (right != nullptr) {
        const size_t first = width - right->scope.size();
        branches.push_back(padded(unmatched(*right, pairs.plan, first, next_param), first, columns));
    }
    pairs.plan = engine::union_all(std::move(branches));
    return pairs;
}

Input arranged(const Input &input, const Scope &first)
{
    Input result;
    std::vector<engine::NamedExpression> expressions;
    const auto columns = engine::columns(input.plan);
    auto add = [&](int position) {
        expressions.push_back({engine::column_reference(position, columns[position]), columns[position].name});
        result.scope.push_back(input.scope[position]);
    };
    for (const Node *node : first) {
        if (node != nullptr && position_in(result.scope, node) < 0)
            add(position_in(input.scope, node));
    }
    for (size_t i = 0; i < input.scope.size(); i++) {
        if (input.scope[i] != nullptr && position_in(result.scope, input.scope[i]) < 0)
            add(static_cast<int>(i));
    }
    result.plan = engine::project(input.plan, std::move(expressions));
    return result;
}

} // namespace pgtrickle::translate
