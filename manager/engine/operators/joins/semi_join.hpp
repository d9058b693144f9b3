/*
 * Semi, anti and mark joins, visible to the code that collects the key look-ups of a plan.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class SemiJoin final : public PlanNode {
  public:
    SemiJoin(SemiKind kind, PlanPtr rows, PlanPtr other, Condition condition, std::optional<Comparison> comparison);
    const Condition *joins_on() const override { return &condition_; }
    const Expression *ranges_over() const override;
    SemiKind kind() const { return kind_; }
    const Condition &condition() const { return condition_; }
    const std::optional<Comparison> &comparison() const { return comparison_; }
    /* Whether it passes rows on or not, by whether they have a match among any number of rows. */
    bool is_filter() const { return kind_ != SemiKind::mark && !is_by_one_row_; }

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    /* The output for a row of the left side does not depend on other rows of that side. */
    bool is_linear_in(size_t input) const override { return input == 0; }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override;
    std::vector<int> find_row_key() const override { return inputs()[0]->row_key(); }

  private:
    PlanPtr delta_by_one_row(const PlanPtr &rows_delta, const PlanPtr &other_delta) const;
    std::vector<std::string> slots_beside_one_row(Printer &printer, const Select &rows) const;
    PlanPtr delta_of_rows(const PlanPtr &rows_delta, const PlanPtr &other_delta) const;
    PlanPtr delta_of_transitions(const PlanPtr &other_delta) const;
    std::vector<Expression> take_conjuncts_of_rows(Condition &condition) const;
    PlanPtr with_mark(const PlanPtr &rows, bool mark) const;
    SemiKind kind_;
    Condition condition_;
    std::optional<Comparison> comparison_;
    bool is_by_one_row_;
};

} // namespace pgtrickle::engine
