/*
 * Copy: keeps the rows of its input in an arrangement, which replaces the input everywhere else. There are two
 * reasons to do so.
 *
 * Compared: the changes of a source cannot be captured (a foreign table). It is read once in a refresh, as a
 * whole, and compared with its copy; the difference is the delta. All statements of a refresh read it in one
 * state.
 *
 * Shared: several nodes read the input, and it reads many relations. A node without an arrangement is printed
 * wherever it is read, so that CTEs which read each other twice would double the statements at each level. The
 * copy follows the delta of its input.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class Copy final : public PlanNode {
  public:
    Copy(const PlanPtr &input, CopyReason reason) : PlanNode({input}, input->columns()), reason_(reason) {}
    CopyReason reason() const { return reason_; }

    std::string describe() const override
    {
        return reason_ == CopyReason::compared ? "copy, compared at each refresh" : "copy of shared rows";
    }
    bool keeps() const override { return true; }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override { return inputs[0]; }
    PlanPtr derivative(Differentiator &differentiator) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override { return {0, position}; }
    std::vector<int> find_row_key() const override { return inputs()[0]->row_key(); }

  private:
    CopyReason reason_;
};

} // namespace pgtrickle::engine
