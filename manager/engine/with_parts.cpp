#include "engine/with_parts.hpp"

#include "engine/operators/partitioned.hpp"
#include "engine/plan_mover.hpp"

namespace pgtrickle::engine {

namespace {

class Mover final : public PlanMover {
  public:
    using PlanMover::PlanMover;

  private:
    PlanPtr moved_once(const PlanPtr &plan) override
    {
        const auto *found = dynamic_cast<const Partitioned *>(plan.get());
        return found != nullptr ? moved(found->parts()) : with_moved_inputs(plan);
    }
};

} // namespace

PlanPtr with_parts(const PlanPtr &plan)
{
    return Mover(plan).moved(plan);
}

} // namespace pgtrickle::engine
