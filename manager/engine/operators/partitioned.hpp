/*
 * Partitioned: one plan P for the rows, and a union of disjoint parts with the same rows for their changes,
 *
 *     P = P1 ⊎ P2 ⊎ …,    D(P) = D(P1) ⊎ D(P2) ⊎ …
 *
 * A statement that looks rows up contains P, as it would read all of a union; one that reads all rows contains the
 * parts. A delta follows the parts: those that are kept apart, as they are few, change rarely.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

class Partitioned final : public PlanNode {
  public:
    Partitioned(const PlanPtr &rows, const PlanPtr &parts) : PlanNode({rows, parts}, rows->columns())
    {
        is_read_as_one_input();
    }
    const PlanPtr &parts() const { return inputs()[1]; }

    std::string describe() const override { return "rows, and their parts by which they change"; }
    std::string written() const override { return inputs()[0]->written(); }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override { return inputs[0]; }
    PlanPtr derivative(Differentiator &differentiator) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override { return partitioned(inputs.at(0), inputs.at(1)); }
    std::pair<int, int> origin(int position) const override { return {0, position}; }
    std::vector<int> find_row_key() const override { return inputs()[0]->row_key(); }
    bool is_key_enforced() const override { return inputs()[0]->is_key_enforced(); }
    bool is_key_shared() const override { return inputs()[0]->is_key_shared(); }
};

} // namespace pgtrickle::engine
