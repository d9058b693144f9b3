/*
 * Moves semi and anti joins of one input of a join above the join, if that input determines the rows of all others.
 *
 *     (A ⋉ B) ⋈ C  =  (A ⋈ C) ⋉ B
 *
 * This is true of any join. It is done where each row of A meets one row of C at most, as an order meets its customer:
 * then A ⋈ C has no more rows than A, and fewer if C is filtered, so that a change of A looks for matches in B only if
 * the join keeps it. The planner is free to choose the order within a statement, but a delta of A ⋉ B is a part of
 * its own.
 *
 * Nothing is moved that would make an expression be evaluated for other rows and fail there, nor a node with other
 * uses.
 */
#pragma once

#include "engine/plan/plan.hpp"

namespace pgtrickle::engine {

/* Returns a plan of the same meaning; `plan` itself if nothing is moved. */
PlanPtr with_semi_joins_above_joins(const PlanPtr &plan);

} // namespace pgtrickle::engine
