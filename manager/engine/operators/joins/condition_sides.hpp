/*
 * The condition of an outer, semi or anti join, without the conjuncts over one side.
 *
 * Rows of A that do not meet a conjunct over A have no match, and rows of B that do not meet one over B are none. So
 * they are filters of the sides, and D(B) is filtered like B. A conjunct that may fail stays in the condition, which is
 * evaluated for pairs only.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

struct ConditionSides {
    /* `delta` may be null. */
    ConditionSides(const PlanPtr &rows, PlanPtr other, PlanPtr delta, Condition condition);

    PlanPtr other, delta; /* filtered */
    Condition between;    /* over both sides */
    std::vector<Expression> of_rows;

    /* Returns the rows for which all conjuncts over them are true. */
    PlanPtr that_may_match(PlanPtr rows) const;
    /* Returns the others; null if there are no such conjuncts. */
    PlanPtr that_cannot_match(const PlanPtr &rows) const;

  private:
    void filter_other(Expression conjunct, int width);
};

} // namespace pgtrickle::engine
