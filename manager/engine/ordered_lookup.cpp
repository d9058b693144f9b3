#include "engine/ordered_lookup.hpp"

#include "engine/operators/filter.hpp"
#include "engine/operators/index_terms.hpp"
#include "engine/operators/joins/join.hpp"
#include "engine/operators/project.hpp"

#include <algorithm>
#include <functional>

namespace pgtrickle::engine {

namespace {

/* Columns of a plan: the keys, and the first other column of an order, -1: there is none. */
struct KeysAndFirst {
    std::vector<int> keys;
    int first;
};

/* Returns the column that `column` is of the only input; -1 if it is computed. */
int passed_on(const PlanNode &plan, int column)
{
    const auto *project = dynamic_cast<const Project *>(&plan);
    return project == nullptr ? column : project->expressions().at(column).expression.as_column();
}

/* Returns the column of input `input` of the join that equals `column` of the join; -1 if none does. */
int equal_column(const PlanNode &join, size_t input, int column)
{
    const auto of_input = [&](int other) {
        const auto [place, position] = origin_in_concatenation(join.inputs(), other);
        return place == static_cast<int>(input) ? position : -1;
    };
    int found = of_input(column);
    for (const Condition::Pair &pair : join.joins_on()->equalities) {
        const int left = pair.left.as_column(), right = pair.right.as_column();
        if (found < 0 && left >= 0 && right >= 0 && (left == column || right == column))
            found = of_input(left == column ? right : left);
    }
    return found;
}

/* Whether one row of the input at most has the given keys. */
bool is_given(const PlanNode &join, size_t input, const std::vector<int> &keys)
{
    const std::vector<int> &key = join.inputs()[input]->row_key();
    return !key.empty() && std::all_of(key.begin(), key.end(), [&](int column) {
        return std::any_of(keys.begin(), keys.end(), [&](int given) {
            return origin_in_concatenation(join.inputs(), given) == std::pair{static_cast<int>(input), column};
        });
    });
}

/* Whether one row of each other input at most meets a row of `input`, or has the given keys. */
bool are_others_determined(const PlanNode &join, size_t input, const std::vector<int> &keys)
{
    std::vector<bool> by(join.inputs().size());
    for (size_t i = 0; i < join.inputs().size(); i++)
        by[i] = i == input || is_given(join, i, keys);
    const std::vector<bool> determined = KeyedInputs(join.inputs(), *join.joins_on()).determined(by);
    return std::find(determined.begin(), determined.end(), false) == determined.end();
}

std::optional<KeysAndFirst> mapped(const KeysAndFirst &columns, const std::function<int(int)> &below)
{
    KeysAndFirst result{{}, columns.first < 0 ? -1 : below(columns.first)};
    for (int key : columns.keys)
        result.keys.push_back(below(key));
    const bool is_whole = std::all_of(result.keys.begin(), result.keys.end(), [](int key) { return key >= 0; }) &&
                          (result.first >= 0) == (columns.first >= 0);
    return is_whole ? std::optional(result) : std::nullopt;
}

/* Returns the relation below filters, projections and joins that has the first column, and the columns in it. */
std::optional<std::pair<PlanPtr, KeysAndFirst>> down_to_leaf(const PlanPtr &plan, const KeysAndFirst &columns)
{
    if (plan->leaf())
        return std::pair{plan, columns};
    if (dynamic_cast<const Project *>(plan.get()) || dynamic_cast<const Filter *>(plan.get())) {
        const auto below = mapped(columns, [&](int column) { return passed_on(*plan, column); });
        return below ? down_to_leaf(plan->inputs()[0], *below) : std::nullopt;
    }
    if (!dynamic_cast<const Join *>(plan.get()) || (columns.first < 0 && columns.keys.empty()))
        return {};
    const int leading = columns.first >= 0 ? columns.first : columns.keys[0];
    const auto input = static_cast<size_t>(origin_in_concatenation(plan->inputs(), leading).first);
    KeysAndFirst needed{{}, columns.first};
    for (int key : columns.keys) {
        const auto owner = static_cast<size_t>(origin_in_concatenation(plan->inputs(), key).first);
        if (equal_column(*plan, input, key) >= 0 || !is_given(*plan, owner, columns.keys))
            needed.keys.push_back(key);
    }
    const auto below = mapped(needed, [&](int column) { return equal_column(*plan, input, column); });
    return below && are_others_determined(*plan, input, columns.keys) ? down_to_leaf(plan->inputs()[input], *below)
                                                                      : std::nullopt;
}

bool has_text(const std::string &direction, const char *part)
{
    return direction.find(part) != std::string::npos;
}

} // namespace

std::optional<Lookup> ordered_lookup(const PlanPtr &plan, const std::vector<int> &keys,
                                     const std::vector<Following::Term> &order)
{
    const auto first = std::find_if(order.begin(), order.end(), [&](const Following::Term &term) {
        return std::find(keys.begin(), keys.end(), term.column) == keys.end();
    });
    const bool has_first = first != order.end();
    const auto found = down_to_leaf(plan, {keys, has_first ? first->column : -1});
    if (!found || (has_first && has_text(first->direction, "OPERATOR")))
        return {};
    const auto &[leaf, columns] = *found;
    Lookup result{*leaf->leaf(), {}, {}};
    for (int key : columns.keys) {
        const IndexTerm term = term_of(column_reference(key, leaf->columns()[key]), leaf->columns());
        if (!term.has_order)
            return {};
        if (std::find(result.terms.begin(), result.terms.end(), term) == result.terms.end())
            result.terms.push_back(term);
    }
    if (has_first)
        result.first = OrderTerm{leaf->columns()[columns.first].name, first->is_descending,
                                 has_text(first->direction, "NULLS FIRST")};
    return result;
}

} // namespace pgtrickle::engine
