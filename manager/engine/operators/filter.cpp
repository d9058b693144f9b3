/*
 * Filter: linear, D(σ P) = σ D(P).
 */
#include "engine/operators/filter.hpp"
#include "engine/operators/differentiator.hpp"
#include "engine/operators/project.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>

namespace pgtrickle::engine {

std::string Filter::describe() const
{
    return "filter " + predicate_.print([&](int i) { return columns()[i].name; });
}

ZSet Filter::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    ZSet result;
    for (const auto &[row, weight] : inputs[0].rows())
        if (evaluation.is_true(predicate_, row))
            result.add(row, weight);
    return result;
}

PlanPtr Filter::derivative(Differentiator &differentiator) const
{
    PlanPtr delta = differentiator.delta(inputs()[0]);
    return delta ? with_input(delta) : nullptr;
}

namespace {

/* Whether a value of the column may raise an error where it is computed, above the next arrangement. */
bool is_failing(const PlanPtr &plan, int position);

bool may_fail_over(const PlanPtr &input, const Expression &expression)
{
    const std::vector<int> columns = expression.columns();
    return expression.may_fail ||
           std::any_of(columns.begin(), columns.end(), [&](int column) { return is_failing(input, column); });
}

bool is_failing(const PlanPtr &plan, int position)
{
    if (auto project = dynamic_cast<const Project *>(plan.get()))
        return may_fail_over(plan->inputs()[0], expressions_of(*project)[position]);
    auto [input, below] = plan->origin(position);
    return input >= 0 && is_failing(plan->inputs()[input], below);
}

} // namespace

Select Filter::print(Printer &printer) const
{
    const bool has_to_wait = !is_fence_ && may_fail_over(inputs()[0], predicate_);
    Select select = has_to_wait ? printer.select_with_fences(inputs()[0]) : printer.select(inputs()[0]);
    const std::string text = "(" + predicate_.print([&](int i) { return select.slot(i); }) + ")";
    const bool is_behind = has_to_wait && !select.fences.empty();
    select.where.push_back(is_behind ? "CASE WHEN " + joined(select.fences, " AND ") + " THEN " + text + " END" : text);
    if (is_fence_ && printer.keeps_fences())
        select.fences.push_back(text);
    if (!printer.keeps_fences())
        select.fences.clear();
    return select;
}

PlanPtr Filter::with_input(PlanPtr input) const
{
    return std::make_shared<Filter>(std::move(input), predicate_, is_fence_, bound_);
}

PlanPtr Filter::with_inputs(std::vector<PlanPtr> inputs) const
{
    return with_input(inputs.at(0));
}

PlanPtr filter(PlanPtr input, Expression predicate, std::optional<UpperBound> bound)
{
    check_slots(predicate, input->width());
    return std::make_shared<Filter>(std::move(input), std::move(predicate), false, bound);
}

PlanPtr fence(PlanPtr input, Expression predicate, std::optional<UpperBound> bound)
{
    check_slots(predicate, input->width());
    return std::make_shared<Filter>(std::move(input), std::move(predicate), true, bound);
}

PlanPtr sample_filter(Sampler &sampler)
{
    PlanPtr input = sampler.plan();
    Expression predicate = sampler.predicate(input->width());
    return sampler.below(4) == 0 ? fence(input, std::move(predicate)) : filter(input, std::move(predicate));
}

} // namespace pgtrickle::engine
