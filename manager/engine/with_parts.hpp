/*
 * Plans of statements that read all rows: partitioned rows are read part by part. Nothing looks them up, and the
 * planner knows how many rows the parts have that are kept.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* Returns the plan with the parts of partitioned rows in the place of these. */
PlanPtr with_parts(const PlanPtr &plan);

} // namespace pgtrickle::engine
