/*
 * The step of a window and of the filters and projections over it.
 *
 * The step stores the rows that remain after them, so a filter such as `row_number <= 3` keeps the
 * arrangement small; the partition's keys that are not among the output columns become hidden ones
 * (pgt_key_n), by which the rows of a touched partition are found. The step of a window that follows the delta
 * (operators/keyed/window_spans.hpp) stores all rows, and the columns that the window reads.
 */
#pragma once

#include "engine/operators/keyed/window.hpp"
#include "engine/step_plan.hpp"

namespace pgtrickle::engine {

/* Whether the node is a filter or a projection, which becomes part of the step of a window below it. */
bool passes_partitions_on(const PlanPtr &plan);

/* Returns step number `step`, which keeps `plan`, a window with such nodes over it, with `rows` in place of
 * the window's input. */
std::pair<Step, std::shared_ptr<const StepPlan>> recompute_step(const PlanPtr &plan, const PlanPtr &rows, int step);

/* Returns the step of a reserve; its hidden column states whether it holds all rows. */
std::pair<Step, std::shared_ptr<const StepPlan>> reserve_step(const Reserve &reserve, const PlanPtr &rows, int step);

/* Returns the change of a step with a recomputation when its rows change by `delta`; null: none. */
PlanPtr recompute_delta(const StepPlan &plan, const PlanPtr &delta);

} // namespace pgtrickle::engine
