#include "engine/operators/differentiator.hpp"

#include "engine/operators/delta.hpp"

#include <algorithm>

namespace pgtrickle::engine {

bool Differentiator::is_changed(DeltaInput input) const
{
    return std::find(changed_.begin(), changed_.end(), input) != changed_.end();
}

PlanPtr Differentiator::delta(const PlanPtr &plan)
{
    auto known = deltas_.find(plan.get());
    if (known != deltas_.end())
        return known->second;
    PlanPtr delta = plan->derivative(*this);
    deltas_[plan.get()] = delta;
    owned_.push_back(plan);
    return delta;
}

PlanPtr Differentiator::old(const PlanPtr &plan)
{
    PlanPtr change = delta(plan);
    if (!change)
        return plan;
    if (!plan->is_multilinear() || plan->inputs().empty())
        return union_all({plan, negate(change)});
    std::vector<PlanPtr> inputs;
    for (const auto &input : plan->inputs())
        inputs.push_back(old(input));
    return plan->with_inputs(inputs);
}

PlanPtr sum_of(const std::vector<PlanPtr> &terms)
{
    std::vector<PlanPtr> present;
    for (const auto &term : terms)
        if (term)
            present.push_back(term);
    if (present.empty())
        return nullptr;
    return present.size() == 1 ? present[0] : union_all(present);
}

} // namespace pgtrickle::engine
