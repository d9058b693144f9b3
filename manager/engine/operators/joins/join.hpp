/*
 * Joins, visible to the code that collects the key look-ups of a plan (lookups.cpp).
 */
#pragma once

#include "engine/operators/joins/join_key.hpp"
#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* Returns the input to which column `position` of the concatenated inputs belongs, and its place there. */
std::pair<int, int> origin_in_concatenation(const std::vector<PlanPtr> &inputs, int position);
std::string describe_condition(const Condition &condition, const std::vector<Column> &columns);

class Join final : public PlanNode {
  public:
    Join(std::vector<PlanPtr> inputs, Condition condition);
    const Condition &condition() const { return condition_; }
    const Condition *joins_on() const override { return &condition_; }

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool is_multilinear() const override { return true; }
    bool has_one_row() const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override;
    std::vector<int> find_row_key() const override
    {
        return joined_key(inputs(), condition_, std::vector<bool>(inputs().size(), true));
    }

  private:
    PlanPtr expanded_terms(Differentiator &differentiator, const std::vector<size_t> &changed) const;
    PlanPtr nested() const; /* join_nesting.cpp */
    Condition condition_;
};

class OuterJoin final : public PlanNode {
  public:
    OuterJoin(OuterKind kind, PlanPtr left, PlanPtr right, Condition condition);
    OuterKind kind() const { return kind_; }
    const Condition &condition() const { return condition_; }
    const Condition *joins_on() const override { return &condition_; }

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    /* Linear in the side whose rows are preserved, if only one is. */
    bool is_linear_in(size_t input) const override
    {
        return input == 0 ? kind_ == OuterKind::left : kind_ == OuterKind::right;
    }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override;
    /* A row of a preserved side may have no match. */
    std::vector<int> find_row_key() const override
    {
        return joined_key(inputs(), condition_, {kind_ == OuterKind::right, kind_ == OuterKind::left});
    }

  private:
    PlanPtr unmatched_delta(Differentiator &differentiator, bool of_left) const;
    PlanPtr padded(const PlanPtr &rows, bool of_left) const;
    OuterKind kind_;
    Condition condition_;
};

} // namespace pgtrickle::engine
