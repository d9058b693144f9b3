#include "engine/operators/index_terms.hpp"

#include "engine/operators/project.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace pgtrickle::engine {

namespace {

/* Returns `expression` over the columns of one input; nothing if it reads several inputs or is computed
 * here. */
std::optional<std::pair<int, Expression>> below(const PlanNode &plan, Expression expression)
{
    if (auto project = dynamic_cast<const Project *>(&plan))
        return std::pair{0, expression.compose(expressions_of(*project))};
    int of = -1;
    for (auto &piece : expression.pieces) {
        if (piece.index() == 0)
            continue;
        auto [input, column] = plan.origin(std::get<1>(piece));
        if (input < 0 || (of >= 0 && of != input))
            return std::nullopt;
        of = input;
        piece = column;
    }
    return of < 0 ? std::nullopt : std::optional(std::pair{of, expression});
}

} // namespace

IndexTerm term_of(const Expression &expression, const std::vector<Column> &columns)
{
    int position = expression.as_column();
    const Column &value = position >= 0 ? columns.at(position) : expression.result;
    const std::string text =
        position >= 0 ? value.name : expression.print([&](int i) { return quoted(columns.at(i).name); });
    return {text, position >= 0, value.is_fixed_length, value.is_sortable, value.has_hash};
}

namespace {

using Visited = std::set<std::pair<const PlanNode *, std::string>>;

void add_terms(const PlanPtr &plan, const Expression &expression, std::vector<LeafTerm> &found, Visited &visited)
{
    if (expression.columns().empty() || !expression.is_immutable || expression.may_fail)
        return;
    if (!visited.emplace(plan.get(), expression.print([](int i) { return "$" + std::to_string(i); })).second)
        return;
    if (auto leaf = plan->leaf()) {
        found.push_back({plan.get(), *leaf, term_of(expression, plan->columns())});
        return;
    }
    if (plan->is_union()) {
        for (const auto &input : plan->inputs())
            add_terms(input, expression, found, visited);
        return;
    }
    if (auto inner = below(*plan, expression))
        add_terms(plan->inputs()[inner->first], inner->second, found, visited);
}

} // namespace

void add_index_terms(const PlanPtr &plan, const Expression &expression, std::vector<LeafTerm> &found)
{
    Visited visited;
    add_terms(plan, expression, found, visited);
}

namespace {

struct LeafTerms {
    DeltaInput relation;
    std::vector<IndexTerm> terms;
};

/* Returns the terms of all expressions, by leaf. */
std::map<const PlanNode *, LeafTerms> terms_by_leaf(const PlanPtr &plan, const std::vector<Expression> &expressions)
{
    std::vector<LeafTerm> found;
    for (const Expression &expression : expressions)
        add_index_terms(plan, expression, found);
    std::map<const PlanNode *, LeafTerms> result;
    for (const LeafTerm &one : found)
        result.try_emplace(one.leaf, LeafTerms{one.relation, {}}).first->second.terms.push_back(one.term);
    return result;
}

} // namespace

bool are_found_by_index(const PlanPtr &plan, const std::vector<Expression> &expressions, const RelationNames &names)
{
    const auto leaves = terms_by_leaf(plan, expressions);
    return !leaves.empty() && std::all_of(leaves.begin(), leaves.end(), [&](const auto &leaf) {
        return names.has_index_for(leaf.second.relation, leaf.second.terms);
    });
}

double rows_of_value(const PlanPtr &plan, const std::vector<Expression> &expressions, const RelationNames &names)
{
    const auto leaves = terms_by_leaf(plan, expressions);
    double rows = leaves.empty() ? std::numeric_limits<double>::infinity() : 0;
    for (const auto &[leaf, found] : leaves)
        rows += names.rows_of_value(found.relation, found.terms);
    return rows;
}

} // namespace pgtrickle::engine
