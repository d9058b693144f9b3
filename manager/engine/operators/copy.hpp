/*
 * Copy: keeps its input as it was at the last refresh.
 *
 * A source whose changes cannot be captured (a foreign table) is read once in a refresh, as a whole, and
 * compared with its copy; the difference is the delta. The copy replaces the source everywhere else, so that
 * all statements of a refresh read it in one state.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class Copy final : public PlanNode {
  public:
    explicit Copy(const PlanPtr &input) : PlanNode({input}, input->columns()) {}

    std::string describe() const override { return "copy, compared at each refresh"; }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override { return inputs[0]; }
    PlanPtr derivative(Differentiator &differentiator) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override { return {0, position}; }
    std::vector<int> row_key() const override { return inputs()[0]->row_key(); }
};

} // namespace pgtrickle::engine
