/*
 * Recursion: the rows R of WITH RECURSIVE, where
 *
 *     UNION ALL   R = B ⊎ T(R)    the least Z-set:  B ⊎ T(B) ⊎ T(T(B)) ⊎ …
 *     UNION       R = B ∪ T(R)    the least set
 *
 * and T, the recursive term, is linear: the rows derived from a row of R do not depend on the other rows of
 * R. PostgreSQL's own restrictions ensure that, except for windows, LIMIT, DISTINCT and similar operations on
 * the rows of one iteration, for which there are objections here.
 *
 * R is an arrangement of its own; recursion_delta.hpp has its derivative.
 */
#pragma once

#include "engine/operators/aggregates/aggregate.hpp"

namespace pgtrickle::engine {

/* `leaf` is the node that refers to R inside of T. */
class Recursive final : public PlanNode {
  public:
    Recursive(PlanPtr base, PlanPtr step, PlanPtr leaf, bool is_set);
    const PlanPtr &base() const { return inputs()[0]; }
    const PlanPtr &step() const { return inputs()[1]; }
    const PlanPtr &reference() const { return leaf_; }
    bool is_set() const { return is_set_; }
    /* Returns B ⊎ T(R), each derivation of a row once: R itself for UNION ALL; for UNION, R is the DISTINCT
     * of it. */
    PlanPtr derivations() const;
    /* Returns, for UNION, the grouping of derivations() as which R is kept. */
    std::shared_ptr<const Aggregate> as_aggregate() const;

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool keeps() const override { return true; }
    std::optional<Objection> objection() const override;
    /* Prints the whole of R, by a WITH RECURSIVE of the statement. */
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;

  private:
    PlanPtr leaf_;
    bool is_set_;
};

bool is_recursion_leaf(const PlanPtr &plan);
/* Returns `plan` with `by` in place of `leaf`. */
PlanPtr with_leaf(const PlanPtr &plan, const PlanPtr &leaf, const PlanPtr &by);
/* Returns the meaning of `plan` where `leaf` represents `rows`. */
ZSet evaluate_with_leaf(const PlanPtr &plan, const PlanPtr &leaf, const ZSet &rows, const Evaluation &evaluation);
/* Returns the FROM item `name`, with columns c1 …: a WITH entry of the statement that is printed. */
PlanPtr named_rows(std::string name, std::vector<Column> columns);
/* Returns output i as a value of exactly the column's type, as required of both terms of a WITH RECURSIVE. */
std::vector<std::string> typed_outputs(const Select &select, const std::vector<Column> &columns);

} // namespace pgtrickle::engine
