/*
 * Code that all operators share: Z-sets, the evaluation of a tree, checks.
 */
#include "engine/operators/operator.hpp"

#include <algorithm>
#include <stdexcept>

namespace pgtrickle::engine {

void ZSet::add(const Row &row, int64_t weight)
{
    if (weight == 0)
        return;
    auto [place, is_new] = rows_.try_emplace(row, 0);
    place->second += weight;
    if (place->second == 0)
        rows_.erase(place);
}

void ZSet::add(const ZSet &other, int64_t factor)
{
    for (const auto &[row, weight] : other.rows())
        add(row, weight * factor);
}

bool Evaluation::holds(const Condition &condition, const Row &row) const
{
    return std::all_of(condition.equalities.begin(), condition.equalities.end(),
                       [&](const auto &pair) { return is_true(pair.whole, row); }) &&
           std::all_of(condition.others.begin(), condition.others.end(),
                       [&](const auto &other) { return is_true(other, row); });
}

ZSet Evaluation::rows_of_leaf(const PlanNode *leaf) const
{
    auto bound = leaves_.find(leaf);
    return bound == leaves_.end() ? ZSet{} : bound->second;
}

ZSet Evaluation::bind_leaf(const PlanNode *leaf, ZSet rows) const
{
    std::swap(leaves_[leaf], rows);
    return rows;
}

ZSet Evaluation::kept(int) const
{
    return {};
}

bool PlanNode::is_weighted() const
{
    if (!is_weighted_)
        is_weighted_ = std::ranges::any_of(inputs(), [](const PlanPtr &input) { return input->is_weighted(); });
    return *is_weighted_;
}

namespace {

void count_uses(const PlanPtr &plan, std::map<const PlanNode *, int> &uses)
{
    for (const auto &input : plan->inputs())
        if (uses[input.get()]++ == 0)
            count_uses(input, uses);
}

const ZSet &evaluate_once(const PlanPtr &plan, const Evaluation &evaluation, std::map<const PlanNode *, ZSet> &known)
{
    auto place = known.find(plan.get());
    if (place != known.end())
        return place->second;
    std::vector<ZSet> inputs;
    for (const auto &input : plan->inputs())
        inputs.push_back(evaluate_once(input, evaluation, known));
    return known.emplace(plan.get(), plan->meaning(evaluation, inputs)).first->second;
}

} // namespace

std::map<const PlanNode *, int> uses_of(const PlanPtr &plan)
{
    std::map<const PlanNode *, int> uses;
    count_uses(plan, uses);
    return uses;
}

ZSet evaluate(const PlanPtr &plan, const Evaluation &evaluation)
{
    std::map<const PlanNode *, ZSet> known;
    return evaluate_once(plan, evaluation, known);
}

const std::vector<Column> &columns(const PlanPtr &plan)
{
    return plan->columns();
}

int reads(const PlanPtr &plan)
{
    return plan->keeps() ? 1 : plan->reads();
}

void check_slots(const Expression &expression, int width)
{
    for (int position : expression.columns())
        if (position < 0 || position >= width)
            throw std::invalid_argument("expression reads a column that its input does not have");
}

void check_condition(const Condition &condition, int width)
{
    for (const auto &pair : condition.equalities) {
        check_slots(pair.left, width);
        check_slots(pair.right, width);
        check_slots(pair.whole, width);
    }
    for (const auto &other : condition.others)
        check_slots(other, width);
}

namespace {

Expression renumber(Expression expression, const std::vector<int> &map)
{
    for (auto &piece : expression.pieces)
        if (piece.index() == 1)
            piece = map.at(std::get<1>(piece));
    return expression;
}

} // namespace

Condition renumber(const Condition &condition, const std::vector<int> &map)
{
    Condition result;
    for (const auto &pair : condition.equalities)
        result.equalities.push_back({renumber(pair.left, map), renumber(pair.right, map), renumber(pair.whole, map)});
    for (const auto &other : condition.others)
        result.others.push_back(renumber(other, map));
    return result;
}

bool PlanNode::is_key_shared() const
{
    if (!is_key_shared_)
        is_key_shared_ = std::ranges::any_of(inputs(), [](const PlanPtr &input) { return input->is_key_shared(); });
    return *is_key_shared_;
}

bool PlanNode::is_key_enforced() const
{
    if (!is_key_enforced_)
        is_key_enforced_ = std::ranges::all_of(inputs(), [](const PlanPtr &input) { return input->is_key_enforced(); });
    return *is_key_enforced_;
}

Condition Sampler::condition(const std::vector<int> &widths)
{
    Condition condition;
    std::vector<int> starts{0};
    for (int width : widths)
        starts.push_back(starts.back() + width);
    for (size_t i = 1; i < widths.size(); i++) {
        int pairs = below(3);
        for (int pair = 0; pair < pairs; pair++) {
            int earlier = below(static_cast<int>(i));
            if (widths[earlier] == 0 || widths[i] == 0)
                continue;
            int left = starts[earlier] + below(widths[earlier]);
            int right = starts[i] + below(widths[i]);
            Column column;
            condition.equalities.push_back(
                {column_reference(left, column), column_reference(right, column), equality(left, right)});
        }
    }
    if (below(3) == 0)
        condition.others.push_back(predicate(starts.back()));
    return condition;
}

} // namespace pgtrickle::engine
