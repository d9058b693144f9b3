#include "engine/operators/differentiator.hpp"

#include "engine/operators/delta.hpp"

#include <algorithm>

namespace pgtrickle::engine {

bool Differentiator::is_changed(DeltaInput input) const
{
    return std::find(changed_.begin(), changed_.end(), input) != changed_.end();
}

namespace {

constexpr int most_crossings = 3;

} // namespace

/* Returns the delta of `plan`, reduced if it has too many crossings. A join of more than two changed inputs
 * has the delta of nested joins, which has been counted. */
PlanPtr Differentiator::reduced(const PlanPtr &plan, PlanPtr delta)
{
    if (!delta || crossings_.count(delta.get()) != 0)
        return delta;
    int crossings = 0, changed = 0;
    for (const PlanPtr &input : plan->inputs()) {
        auto known = deltas_.find(input.get());
        if (known == deltas_.end() || !known->second)
            continue;
        const int of_input = crossings_[known->second.get()];
        const bool is_crossing = plan->joins_on() != nullptr && changed > 0;
        crossings = is_crossing ? crossings + of_input + 1 : std::max(crossings, of_input);
        changed++;
    }
    if (crossings > most_crossings && plan->width() > 0) {
        delta = net(delta);
        crossings = 0;
    }
    crossings_[delta.get()] = crossings;
    return delta;
}

PlanPtr Differentiator::delta(const PlanPtr &plan)
{
    auto known = deltas_.find(plan.get());
    if (known != deltas_.end())
        return known->second;
    PlanPtr delta = reduced(plan, plan->derivative(*this));
    deltas_[plan.get()] = delta;
    owned_.push_back(plan);
    return delta;
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
