/*
 * Nodes that occur in derivatives only: deltas, arrangements, and the halves of the derivatives of anti, semi
 * and mark joins. They are evaluated and printed like any operator.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* Returns the delta of a source or of an earlier step. */
PlanPtr delta_scan(DeltaInput input, std::vector<Column> columns);
/* Returns the rows of an earlier step's arrangement, output columns only; `key` is its row_key(). */
PlanPtr arrangement_scan(int step, std::vector<Column> columns, std::vector<int> key, bool has_one_row = false);
PlanPtr negate(PlanPtr input);
/* Returns the rows of a delta, identical ones as one row; rows whose weights cancel each other are left out. */
PlanPtr net(PlanPtr delta);

/* Returns the rows of `rows` (a delta of A) that matched nothing in the old B: weight times [cnt_old = 0],
 * cnt_old = cnt_new - d. `delta` (of B) is null when B has not changed. Slots of the condition: A's columns,
 * then B's. */
PlanPtr unmatched(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition);
/* Returns the rows that matched a row of the old B. */
PlanPtr matched(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition);
/* Returns all rows, with one more column: whether the row matched a row of the old B. */
PlanPtr marked(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition, const Column &mark);
/* Returns the rows of A that gained their first match (-1) or lost their last one (+1). */
PlanPtr transition(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition);
/* For a semi join whose other side has exactly one row, before and after `delta`: returns the rows for which
 * the truth of the condition may have changed. It is unchanged for all other rows. */
PlanPtr truth_changes(PlanPtr rows, PlanPtr delta, Condition condition, std::optional<Comparison> comparison);

/* Returns the rows of `input` whose columns `keys` equal one of the touched keys (a table of the columns
 * `names`), under `=`; if `with_nulls`, only for those keys that have a NULL. */
PlanPtr touched_rows(PlanPtr input, std::vector<int> keys, std::vector<std::string> names, bool with_nulls);

} // namespace pgtrickle::engine
