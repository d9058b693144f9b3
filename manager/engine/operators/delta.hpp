/*
 * The nodes that only derivatives are made of: deltas, what is kept, and the halves of
 * the derivatives of anti, semi and mark joins. They are evaluated and printed like any operator.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* The delta of a source or of an earlier step. */
PlanPtr delta_scan(DeltaInput input, std::vector<Column> columns);
/* The rows of an earlier step's arrangement, output columns only. */
PlanPtr arrangement_scan(int step, std::vector<Column> columns, bool has_one_row = false);
PlanPtr negate(PlanPtr input);

/* The rows of `rows` (a delta of A) that matched nothing in the old B: weight times
 * [cnt_old = 0], cnt_old = cnt_new - d. `delta` (of B) is null when B has not changed.
 * Slots of the condition: A's columns, then B's. */
PlanPtr unmatched(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition);
/* Those that matched something in the old B. */
PlanPtr matched(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition);
/* All of them, each with whether it matched something in the old B as one more column. */
PlanPtr marked(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition, const Column &mark);
/* The rows of A that gained their first match (-1) or lost their last one (+1). */
PlanPtr transition(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition);
/* Of a semi join whose other side has exactly one row, before and after `delta`: the rows for which the
 * condition may have become true or false. It does not differ for the others. */
PlanPtr truth_changes(PlanPtr rows, PlanPtr delta, Condition condition, std::optional<Comparison> comparison);

/* The rows of `input` whose columns `keys` are one of the touched keys (a table of the
 * columns `names`), under `=` or, `with_nulls`, of those that have a NULL. */
PlanPtr touched_rows(PlanPtr input, std::vector<int> keys, std::vector<std::string> names, bool with_nulls);

} // namespace pgtrickle::engine
