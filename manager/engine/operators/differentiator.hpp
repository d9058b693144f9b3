/*
 * The differentiator: derivatives of a whole plan for a given set of changed inputs.
 *
 * Each node's derivative is created once and shared, so that a delta used in several terms is one node, which
 * the printer then computes once.
 *
 * A join of two inputs that have both changed emits up to three rows for a row of each delta, most of which
 * cancel each other: after a dozen such joins of rows with one key, a changed row becomes 3^12 rows. Therefore
 * a delta is reduced to its net rows after a few of them.
 */
#pragma once

#include "engine/operators/operator.hpp"

#include <map>

namespace pgtrickle::engine {

class Differentiator {
  public:
    explicit Differentiator(std::vector<DeltaInput> changed) : changed_(std::move(changed)) {}

    /* Returns the change of `plan`'s meaning, or null when it cannot have changed. */
    PlanPtr delta(const PlanPtr &plan);
    bool is_changed(DeltaInput input) const;

  private:
    PlanPtr reduced(const PlanPtr &plan, PlanPtr delta);

    std::vector<DeltaInput> changed_;
    std::map<const PlanNode *, PlanPtr> deltas_;
    std::map<const PlanNode *, int> crossings_; /* by delta: joins of two deltas in it, since it was last reduced */
    std::vector<PlanPtr> owned_;                /* keeps the keys of deltas_ alive */
};

/* Returns the union of the terms that are not null; null when there is none. */
PlanPtr sum_of(const std::vector<PlanPtr> &terms);

} // namespace pgtrickle::engine
