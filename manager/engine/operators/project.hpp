/*
 * Project, visible to the lowering of programs, which computes the expressions over a grouped subquery in the
 * group's arrangement.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class Project final : public PlanNode {
  public:
    Project(PlanPtr input, std::vector<NamedExpression> expressions);
    const std::vector<NamedExpression> &expressions() const { return expressions_; }

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool is_multilinear() const override { return true; }
    bool has_one_row() const override { return inputs()[0]->has_one_row(); }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override;
    std::vector<int> find_row_key() const override;

  private:
    std::vector<NamedExpression> expressions_;
};

/* Returns its output columns as expressions over its input's, without their names. */
std::vector<Expression> expressions_of(const Project &project);

} // namespace pgtrickle::engine
