/*
 * Filter. It is visible to the recomputation of partitions, which moves partitions through filters, and to
 * the step that moves filters below groups.
 *
 * A fence is a filter that implements an operator for which PostgreSQL has a separate node: EXCEPT, LIMIT.
 * The query evaluates no expression above it for rows that it removes. In one WHERE, PostgreSQL evaluates
 * cheap conditions first, so a filter above that may fail is evaluated where the fence is known to be true.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class Filter final : public PlanNode {
  public:
    Filter(PlanPtr input, Expression predicate, bool is_fence, std::optional<UpperBound> bound)
        : PlanNode({input}, input->columns()), predicate_(std::move(predicate)), is_fence_(is_fence), bound_(bound)
    {
    }
    const Expression &predicate() const { return predicate_; }
    bool is_fence() const { return is_fence_; }
    const std::optional<UpperBound> &bound() const { return bound_; }

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool is_multilinear() const override { return true; }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override { return {0, position}; }
    std::vector<int> find_row_key() const override { return inputs()[0]->row_key(); }

  private:
    PlanPtr with_input(PlanPtr input) const;

    Expression predicate_;
    bool is_fence_;
    std::optional<UpperBound> bound_;
};

} // namespace pgtrickle::engine
