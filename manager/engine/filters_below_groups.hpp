/*
 * Moves filters over groups that only read the group's key below the grouping.
 *
 *     σ_p(key) γ_key R  =  γ_key σ_p(key) R
 *
 * PostgreSQL does the same, so its aggregates see only the rows of the groups that pass: an expression that
 * fails for another group would fail a refresh, though not the query. In addition, groups that are not read
 * are not stored.
 *
 * A filter is moved down as long as its columns are passed on from one input in which the node is linear, and
 * only if it arrives below a grouping, a DISTINCT or the partitions of a window; it is also moved from one
 * side of a join's equality to the other. It stays above a node that has other uses, and above keys whose
 * equal values may look different, since it may distinguish them.
 */
#pragma once

#include "engine/plan/plan.hpp"

namespace pgtrickle::engine {

/* Returns a plan of the same meaning; `plan` itself if no filter is moved. */
PlanPtr with_filters_below_groups(const PlanPtr &plan);

} // namespace pgtrickle::engine
