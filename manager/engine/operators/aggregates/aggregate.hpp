/*
 * Grouping, visible to the lowering of programs, which turns it into an arrangement.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class Aggregate final : public PlanNode {
  public:
    /* `written`: the construct for which it stands; empty: grouping. `shown`: the condition on the rows whose images of
     * the keys a group may show; where it is true of no row, keys whose equal values may differ are NULL. */
    Aggregate(PlanPtr input, std::vector<int> keys, std::vector<AggregateCall> calls, std::string written = {},
              std::optional<Expression> shown = {});
    const std::vector<int> &keys() const { return keys_; }
    const std::vector<AggregateCall> &calls() const { return calls_; }
    const std::optional<Expression> &shown() const { return shown_; }

    std::string describe() const override;
    std::string written() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool keeps() const override { return true; }
    bool has_one_row() const override { return keys_.empty(); }
    std::optional<Objection> objection() const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;

  private:
    std::vector<int> keys_;
    std::vector<AggregateCall> calls_;
    std::string written_;
    std::optional<Expression> shown_;
};

/* DISTINCT is a grouping on all columns without aggregates. */
class Distinct final : public PlanNode {
  public:
    explicit Distinct(const PlanPtr &input) : PlanNode({input}, input->columns()) {}
    /* Returns an Aggregate with the same meaning. */
    std::shared_ptr<const Aggregate> as_aggregate() const;

    std::string describe() const override { return "distinct"; }
    std::string written() const override { return "DISTINCT"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool keeps() const override { return true; }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override { return {0, position}; }
};

/* Returns a random call over `width` columns. */
AggregateCall sample_call(Sampler &sampler, int width);

} // namespace pgtrickle::engine
