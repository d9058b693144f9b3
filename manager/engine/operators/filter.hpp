/*
 * Filter, also for the recomputation of partitions, which passes them on through filters, and for the step that moves
 * filters below groups.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class Filter final : public PlanNode {
  public:
    Filter(PlanPtr input, Expression predicate)
        : PlanNode({input}, input->columns()), predicate_(std::move(predicate))
    {
    }
    const Expression &predicate() const { return predicate_; }

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool is_multilinear() const override { return true; }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override { return {0, position}; }

  private:
    Expression predicate_;
};

} // namespace pgtrickle::engine
