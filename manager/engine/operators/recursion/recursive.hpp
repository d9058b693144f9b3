/*
 * Recursion: the rows R of WITH RECURSIVE, where
 *
 *     UNION ALL   R = B ⊎ T(R)    the least Z-set:  B ⊎ T(B) ⊎ T(T(B)) ⊎ …
 *     UNION       R = B ∪ T(R)    the least set
 *
 * and T, the recursive term, is linear: what a row of R gives does not depend on the other
 * rows of R. That is what PostgreSQL's own restrictions come to, except for windows, LIMIT,
 * DISTINCT and the like of the rows of one iteration, which are objections here.
 *
 * R is an arrangement of its own; recursion_delta.hpp has its derivative.
 */
#pragma once

#include "engine/operators/aggregates/aggregate.hpp"

namespace pgtrickle::engine {

/* The reference to R inside of T: `leaf` is that very node. */
class Recursive final : public PlanNode {
  public:
    Recursive(PlanPtr base, PlanPtr step, PlanPtr leaf, bool is_set);
    const PlanPtr &base() const { return inputs()[0]; }
    const PlanPtr &step() const { return inputs()[1]; }
    const PlanPtr &reference() const { return leaf_; }
    bool is_set() const { return is_set_; }
    /* B ⊎ T(R), each derivation of a row once: R itself for UNION ALL; for UNION, what R is the
     * DISTINCT of. */
    PlanPtr derivations() const;
    /* UNION: the grouping of derivations() that R is kept as. */
    std::shared_ptr<const Aggregate> as_aggregate() const;

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool keeps() const override { return true; }
    std::optional<Objection> objection() const override;
    /* The whole of R, by a WITH RECURSIVE of the statement. */
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;

  private:
    PlanPtr leaf_;
    bool is_set_;
};

/* `plan` with `by` in place of `leaf`. */
PlanPtr with_leaf(const PlanPtr &plan, const PlanPtr &leaf, const PlanPtr &by);
/* The meaning of `plan` where `leaf` stands for `rows`. */
ZSet evaluate_with_leaf(const PlanPtr &plan, const PlanPtr &leaf, const ZSet &rows, const Evaluation &evaluation);
/* The FROM item `name`, with columns c1 …: a WITH entry of the statement that is printed. */
PlanPtr named_rows(std::string name, std::vector<Column> columns);
/* Output i as a value of exactly the column's type, as both terms of a WITH RECURSIVE must be. */
std::vector<std::string> typed_outputs(const Select &select, const std::vector<Column> &columns);

} // namespace pgtrickle::engine
