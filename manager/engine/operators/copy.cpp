#include "engine/operators/copy.hpp"

#include "engine/operators/sql.hpp"

#include <stdexcept>

namespace pgtrickle::engine {

PlanPtr Copy::derivative(Differentiator &) const
{
    throw std::logic_error("a copy is differentiated through its arrangement");
}

Select Copy::print(Printer &) const
{
    throw std::logic_error("a copy is read through its arrangement");
}

PlanPtr Copy::with_inputs(std::vector<PlanPtr> inputs) const
{
    return copy(inputs.at(0), reason_);
}

PlanPtr copy(PlanPtr input, CopyReason reason)
{
    return std::make_shared<Copy>(input, reason);
}

PlanPtr sample_copy(Sampler &sampler)
{
    return copy(sampler.plan(), sampler.below(2) == 0 ? CopyReason::compared : CopyReason::shared);
}

} // namespace pgtrickle::engine
