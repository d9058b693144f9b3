/*
 * Window functions, visible to the lowering of programs, which makes a step of them.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class Window final : public PlanNode {
  public:
    Window(PlanPtr input, std::vector<int> partition, std::vector<NamedExpression> calls,
           std::optional<Following> following);
    /* Returns columns of the input by which every call partitions, possibly among others. */
    const std::vector<int> &partition() const { return partition_; }
    const std::vector<NamedExpression> &calls() const { return calls_; }
    const std::optional<Following> &following() const { return following_; }

    std::string describe() const override;
    std::string written() const override { return "a window function"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool keeps() const override { return true; }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override;
    std::vector<int> find_row_key() const override { return inputs()[0]->row_key(); }

  private:
    std::vector<int> partition_;
    std::vector<NamedExpression> calls_;
    std::optional<Following> following_;
};

} // namespace pgtrickle::engine
