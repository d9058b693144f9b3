/*
 * Filter: linear, D(σ P) = σ D(P).
 */
#include "engine/differentiator.hpp"
#include "engine/operators/filter.hpp"
#include "engine/sql.hpp"

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
    return delta ? filter(delta, predicate_) : nullptr;
}

Select Filter::print(Printer &printer) const
{
    Select select = printer.select(inputs()[0]);
    select.where.push_back("(" + predicate_.print([&](int i) { return select.slot(i); }) + ")");
    return select;
}

PlanPtr Filter::with_inputs(std::vector<PlanPtr> inputs) const { return filter(inputs.at(0), predicate_); }

PlanPtr filter(PlanPtr input, Expression predicate)
{
    check_slots(predicate, input->width());
    return std::make_shared<Filter>(std::move(input), std::move(predicate));
}

PlanPtr sample_filter(Sampler &sampler)
{
    PlanPtr input = sampler.plan();
    return filter(input, sampler.predicate(input->width()));
}

} // namespace pgtrickle::engine
