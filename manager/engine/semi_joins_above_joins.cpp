#include "engine/semi_joins_above_joins.hpp"

#include "engine/operators/joins/join.hpp"
#include "engine/operators/joins/semi_join.hpp"
#include "engine/plan_mover.hpp"

#include <algorithm>
#include <numeric>

namespace pgtrickle::engine {

namespace {

bool may_fail(const Condition &condition)
{
    return std::any_of(condition.equalities.begin(), condition.equalities.end(),
                       [](const Condition::Pair &pair) { return pair.whole.may_fail; }) ||
           std::any_of(condition.others.begin(), condition.others.end(),
                       [](const Expression &other) { return other.may_fail; });
}

class Mover final : public PlanMover {
  public:
    using PlanMover::PlanMover;

  private:
    PlanPtr moved_once(const PlanPtr &plan) override
    {
        const auto *join = dynamic_cast<const Join *>(plan.get());
        for (size_t i = 0; join != nullptr && i < plan->inputs().size(); i++)
            if (PlanPtr above = with_input_below(*join, i))
                return above;
        return with_moved_inputs(plan);
    }

    /* Returns `join` below the semi joins on top of input `number`; null if there are none or they stay. */
    PlanPtr with_input_below(const Join &join, size_t number)
    {
        std::vector<const SemiJoin *> semis;
        PlanPtr rows = join.inputs()[number];
        while (const SemiJoin *semi = movable(rows)) {
            semis.push_back(semi);
            rows = semi->inputs()[0];
        }
        if (semis.empty() || may_fail(join.condition()))
            return nullptr;
        std::vector<PlanPtr> inputs;
        for (size_t i = 0; i < join.inputs().size(); i++)
            inputs.push_back(moved(i == number ? rows : join.inputs()[i]));
        std::vector<bool> known(inputs.size(), false);
        known[number] = true;
        const std::vector<bool> determined = KeyedInputs(inputs, join.condition()).determined(known);
        if (std::find(determined.begin(), determined.end(), false) != determined.end())
            return nullptr;
        int first = 0;
        for (size_t i = 0; i < number; i++)
            first += inputs[i]->width();
        PlanPtr result = join.with_inputs(inputs);
        for (auto semi = semis.rbegin(); semi != semis.rend(); ++semi)
            result = over(result, **semi, first, rows->width());
        return result;
    }

    const SemiJoin *movable(const PlanPtr &plan) const
    {
        const auto *semi = dynamic_cast<const SemiJoin *>(plan.get());
        return semi != nullptr && semi->is_filter() && !may_fail(semi->condition()) && !has_other_uses(plan) ? semi
                                                                                                             : nullptr;
    }

    /* Returns `semi` over `joined`, of which its rows are the columns from `first`. */
    PlanPtr over(const PlanPtr &joined, const SemiJoin &semi, int first, int width)
    {
        std::vector<int> places(static_cast<size_t>(width + semi.inputs()[1]->width()));
        std::iota(places.begin(), places.begin() + width, first);
        std::iota(places.begin() + width, places.end(), joined->width());
        return semi_join(semi.kind(), joined, moved(semi.inputs()[1]), renumber(semi.condition(), places));
    }
};

} // namespace

PlanPtr with_semi_joins_above_joins(const PlanPtr &plan)
{
    return Mover(plan).moved(plan);
}

} // namespace pgtrickle::engine
