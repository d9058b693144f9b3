/*
 * What the passes that move operators of a plan share: each node is replaced once, however often it is used.
 */
#pragma once

#include "engine/operators/operator.hpp"

#include <map>

namespace pgtrickle::engine {

class PlanMover {
  public:
    explicit PlanMover(const PlanPtr &plan) : uses_(uses_of(plan)) {}
    virtual ~PlanMover() = default;
    PlanMover(const PlanMover &) = delete;
    PlanMover &operator=(const PlanMover &) = delete;

    PlanPtr moved(const PlanPtr &plan)
    {
        auto known = moved_.find(plan);
        if (known == moved_.end())
            known = moved_.emplace(plan, moved_once(plan)).first;
        return known->second;
    }

  protected:
    /* Returns what takes the place of a node and of those below it. */
    virtual PlanPtr moved_once(const PlanPtr &plan) = 0;
    PlanPtr with_moved_inputs(const PlanPtr &plan)
    {
        std::vector<PlanPtr> inputs;
        for (const auto &input : plan->inputs())
            inputs.push_back(moved(input));
        return inputs == plan->inputs() ? plan : plan->with_inputs(inputs);
    }
    /* Whether more than one node of the original plan reads it; a node created by a pass is used once. */
    bool has_other_uses(const PlanPtr &plan) const
    {
        auto uses = uses_.find(plan.get());
        return uses != uses_.end() && uses->second > 1;
    }

  private:
    const std::map<const PlanNode *, int> uses_;
    std::map<PlanPtr, PlanPtr> moved_; /* includes nodes created by the pass, which it keeps alive */
};

} // namespace pgtrickle::engine
