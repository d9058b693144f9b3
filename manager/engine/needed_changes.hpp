/*
 * Which changed rows of a source a plan needs.
 *
 * Most changed rows are discarded at once by the filters above the scan of their source. The rows that no filter
 * discards meet a condition over the columns of the source alone:
 *
 *     needed = ⋁ over the scans of the source  ⋀ over the filters above the scan
 *
 * Invariant: a changed row that does not meet the condition changes no answer, so the reader of the log may leave it
 * out, or not: the statements keep their filters. A filter takes part if each node between it and the scan passes the
 * filter's columns on from this input, and each row of this input for itself. It must not be able to fail: a row
 * that was added and removed between two refreshes is read, too.
 */
#pragma once

#include "engine/plan/plan.hpp"

namespace pgtrickle::engine {

/* Returns the condition for `source`, as SQL over the names of its columns; empty: every row is needed. */
std::string needed_changes(const PlanPtr &plan, int source);

} // namespace pgtrickle::engine
