/*
 * DISTINCT: a grouping on all columns; the count of a group is the number of copies.
 */
#include "engine/operators/aggregates/aggregate.hpp"
#include "engine/operators/sql.hpp"

#include <numeric>
#include <stdexcept>

namespace pgtrickle::engine {

std::shared_ptr<const Aggregate> Distinct::as_aggregate() const
{
    std::vector<int> keys(width());
    std::iota(keys.begin(), keys.end(), 0);
    return std::make_shared<Aggregate>(inputs()[0], keys, std::vector<AggregateCall>{});
}

ZSet Distinct::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    return as_aggregate()->meaning(evaluation, inputs);
}

PlanPtr Distinct::derivative(Differentiator &) const
{
    throw std::logic_error("a DISTINCT is differentiated through its arrangement");
}

Select Distinct::print(Printer &) const
{
    throw std::logic_error("a DISTINCT is read through its arrangement");
}

PlanPtr Distinct::with_inputs(std::vector<PlanPtr> inputs) const
{
    return distinct(inputs.at(0));
}

/* Without columns it would be the global group, which always has its row. */
PlanPtr distinct(PlanPtr input)
{
    if (input->width() == 0)
        throw std::invalid_argument("DISTINCT needs a column");
    return std::make_shared<Distinct>(std::move(input));
}

PlanPtr sample_distinct(Sampler &sampler)
{
    PlanPtr input = sampler.plan();
    return distinct(input->width() > 0 ? input : sampler.plan_of_width(1));
}

} // namespace pgtrickle::engine
