/*
 * Columns that are computed above an operator which carries all columns of its input.
 *
 * Invariant: the query evaluates an expression of a sub-query only where its own expressions use it, and not at all
 * behind a CASE that does not reach it. A window is computed with all columns of its input, and kept with them: an
 * expression that may fail must not be among these.
 */
#pragma once

#include "engine/plan/plan.hpp"

#include <set>

namespace pgtrickle::engine {

struct LateColumns {
    PlanPtr plan;                    /* has what the columns are computed from */
    std::vector<Expression> columns; /* those of the original plan, over this one */
};

/* Takes the columns that may fail out of projections on top of the plan, also below its filters and joins. Those
 * at the `pinned` positions stay columns. */
LateColumns with_late_columns(const PlanPtr &plan, const std::set<int> &pinned);

} // namespace pgtrickle::engine
