#include "engine/operators/index_terms.hpp"

#include "engine/operators/project.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <map>

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

IndexTerm term_of(const Expression &expression, const std::vector<Column> &columns)
{
    int position = expression.as_column();
    if (position >= 0)
        return {columns.at(position).name, true, columns.at(position).is_fixed_length, columns.at(position).has_hash};
    return {expression.print([&](int i) { return quoted(columns.at(i).name); }), false,
            expression.result.is_fixed_length, expression.result.has_hash};
}

} // namespace

void add_index_terms(const PlanPtr &plan, const Expression &expression, std::vector<LeafTerm> &found)
{
    if (expression.columns().empty() || !expression.is_immutable || expression.may_fail)
        return;
    if (auto leaf = plan->leaf()) {
        found.push_back({plan.get(), *leaf, term_of(expression, plan->columns())});
        return;
    }
    if (plan->is_union()) {
        for (const auto &input : plan->inputs())
            add_index_terms(input, expression, found);
        return;
    }
    if (auto inner = below(*plan, expression))
        add_index_terms(plan->inputs()[inner->first], inner->second, found);
}

bool are_found_by_index(const PlanPtr &plan, const std::vector<int> &columns, const RelationNames &names)
{
    std::vector<LeafTerm> found;
    for (int column : columns)
        add_index_terms(plan, column_reference(column, plan->columns()[column]), found);
    std::map<const PlanNode *, std::vector<IndexTerm>> terms;
    for (const LeafTerm &one : found)
        terms[one.leaf].push_back(one.term);
    return !found.empty() && std::all_of(found.begin(), found.end(), [&](const LeafTerm &one) {
        return names.has_index_for(one.relation, terms[one.leaf]);
    });
}

} // namespace pgtrickle::engine
