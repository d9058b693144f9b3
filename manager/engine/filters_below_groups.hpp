/*
 * Filters over groups that only ask for the group's key, moved below the grouping.
 *
 *     σ_p(key) γ_key R  =  γ_key σ_p(key) R
 *
 * PostgreSQL does the same, so that its aggregates meet the rows of those groups only: an expression that fails for
 * another group would fail a refresh, though not the query. And what nothing reads is not kept.
 *
 * A filter is moved down as long as its columns are passed on from one input in which the node is linear, and only if
 * there is a grouping, a DISTINCT or a window's partition below which it ends; from one side of a join's equality to the
 * other one, too. It stays above what others read as well, and above keys of which equal values may look different, since
 * it may tell those apart.
 */
#pragma once

#include "engine/plan/plan.hpp"

namespace pgtrickle::engine {

/* A plan of the same meaning. Returns `plan` itself if nothing is moved. */
PlanPtr with_filters_below_groups(const PlanPtr &plan);

} // namespace pgtrickle::engine
