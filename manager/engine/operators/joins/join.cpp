/*
 * Inner join of n inputs: multilinear, so its derivative is the sum over every non-empty set S of changed
 * inputs of
 *
 *     (-1)^(|S|+1) · ⋈ (D(P_i) for i in S, P_i' for the others)
 *
 * on new states. Every term is a join of small deltas with plain relations, so that the planner looks the
 * relations up by index and hashes two deltas with each other. With more than two changed inputs it is the
 * derivative of nested joins of two inputs, each of which has three terms; the delta of an inner join is
 * computed once. An old state, P' ⊎ -D(P), is never used: the planner has no statistics of a union, and reads
 * all of it.
 */
#include "engine/operators/joins/join.hpp"
#include "engine/operators/delta.hpp"
#include "engine/operators/differentiator.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

constexpr size_t most_expanded_inputs = 2;

std::vector<Column> columns_of(const std::vector<PlanPtr> &inputs)
{
    std::vector<Column> columns;
    for (const auto &input : inputs)
        columns.insert(columns.end(), input->columns().begin(), input->columns().end());
    return columns;
}

} // namespace

Join::Join(std::vector<PlanPtr> inputs, Condition condition)
    : PlanNode(inputs, columns_of(inputs)), condition_(std::move(condition))
{
}

std::string Join::describe() const
{
    return "join" + describe_condition(condition_, columns());
}

ZSet Join::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    ZSet product;
    product.add(Row{}, 1);
    for (const auto &input : inputs) {
        ZSet longer;
        for (const auto &[left, left_weight] : product.rows())
            for (const auto &[right, right_weight] : input.rows()) {
                Row row = left;
                row.insert(row.end(), right.begin(), right.end());
                longer.add(row, left_weight * right_weight);
            }
        product = longer;
    }
    ZSet result;
    for (const auto &[row, weight] : product.rows())
        if (evaluation.holds(condition_, row))
            result.add(row, weight);
    return result;
}

PlanPtr Join::derivative(Differentiator &differentiator) const
{
    std::vector<size_t> changed;
    for (size_t i = 0; i < inputs().size(); i++)
        if (differentiator.delta(inputs()[i]))
            changed.push_back(i);
    return changed.size() <= most_expanded_inputs ? expanded_terms(differentiator, changed)
                                                  : differentiator.delta(nested());
}

PlanPtr Join::expanded_terms(Differentiator &differentiator, const std::vector<size_t> &changed) const
{
    std::vector<PlanPtr> terms;
    for (unsigned chosen = 1; chosen < 1U << changed.size(); chosen++) {
        std::vector<PlanPtr> parts = inputs();
        for (size_t i = 0; i < changed.size(); i++)
            if (chosen & 1U << i)
                parts[changed[i]] = differentiator.delta(inputs()[changed[i]]);
        PlanPtr term = join(parts, condition_);
        terms.push_back(std::popcount(chosen) % 2 == 1 ? term : negate(term));
    }
    return sum_of(terms);
}

Select Join::print(Printer &printer) const
{
    Select result;
    for (const auto &input : inputs()) {
        Select part = printer.select(input);
        result.from.insert(result.from.end(), part.from.begin(), part.from.end());
        result.where.insert(result.where.end(), part.where.begin(), part.where.end());
        result.fences.insert(result.fences.end(), part.fences.begin(), part.fences.end());
        result.weights.insert(result.weights.end(), part.weights.begin(), part.weights.end());
        for (size_t i = 0; i < part.outputs.size(); i++)
            result.add_output(part.outputs[i], part.is_atom[i]);
    }
    if (!condition_.equalities.empty() || !condition_.others.empty())
        result.where.push_back(printer.condition(condition_, result.slots()));
    return result;
}

bool Join::has_one_row() const
{
    return condition_.equalities.empty() && condition_.others.empty() &&
           std::all_of(inputs().begin(), inputs().end(), [](const auto &input) { return input->has_one_row(); });
}

PlanPtr Join::with_inputs(std::vector<PlanPtr> inputs) const
{
    return join(std::move(inputs), condition_);
}

std::pair<int, int> Join::origin(int position) const
{
    return origin_in_concatenation(inputs(), position);
}

PlanPtr join(std::vector<PlanPtr> inputs, Condition condition)
{
    if (inputs.size() < 2)
        throw std::invalid_argument("a join needs two inputs");
    auto node = std::make_shared<Join>(std::move(inputs), std::move(condition));
    check_condition(node->condition(), node->width());
    return node;
}

std::pair<int, int> origin_in_concatenation(const std::vector<PlanPtr> &inputs, int position)
{
    for (size_t i = 0; i < inputs.size(); i++) {
        if (position < inputs[i]->width())
            return {static_cast<int>(i), position};
        position -= inputs[i]->width();
    }
    return {-1, position};
}

std::string describe_condition(const Condition &condition, const std::vector<Column> &columns)
{
    std::vector<std::string> parts;
    auto name = [&](int i) { return columns.at(i).name; };
    for (const auto &pair : condition.equalities)
        parts.push_back(pair.whole.print(name));
    for (const auto &other : condition.others)
        parts.push_back(other.print(name));
    return parts.empty() ? "" : " on " + joined(parts, " and ");
}

PlanPtr sample_join(Sampler &sampler)
{
    std::vector<PlanPtr> inputs{sampler.plan(), sampler.plan()};
    if (sampler.below(4) == 0)
        inputs.push_back(sampler.plan());
    std::vector<int> widths;
    for (const auto &input : inputs)
        widths.push_back(input->width());
    return join(inputs, sampler.condition(widths));
}

} // namespace pgtrickle::engine
