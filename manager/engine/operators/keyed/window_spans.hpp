/*
 * Windows that follow the delta: of a touched partition, only the rows near a change are computed again.
 *
 * The step stores all rows of the window's input, so that S, the stored rows, are the input before the refresh, and
 * S + D(P) is the input after it: neither the input nor the other rows of the partition are read. The rows of a
 * partition are found by their position, the value of the first column of the order, through an index on (partition
 * keys, position). For each touched partition:
 *
 *         ┌───── read ──────────────────────────────┐
 *         │       ┌──── emit ───────────────┐       │
 *   ──────┼───────┼───────┬─────────┬───────┼───────┼──────────► order
 *    base │ before│ after │ changed │ before│ after │
 *
 *   changed  the positions from the first changed row to the last one, or to the end of the partition if the changes
 *            move what is behind them: if they alter the number or the sum of the rows that count;
 *   emit     the rows whose value can differ: a call that reads `before` rows before its own and `after` rows after it
 *            sees a change from `after` rows before the changed positions to `before` rows behind them;
 *   read     the rows that the values of emitted rows are read from;
 *   base     the values of the last rows before `read`, to which those of running calls are added.
 *
 * Each range consists of all rows of its positions, so rows that are equal in the order are in it together or not at
 * all. Hence, with W the window,
 *
 *     D(W P) = emit(base + W((S + D(P)) ⋉ read)) − S ⋉ emit
 *
 * At most positions of a range nothing has changed: there, each emitted row is a stored row with other values of the
 * calls. Its statement knows the address of that row. So it leaves out rows whose values are the same, and the others
 * replace the row at the address (Select::replaced): they are not looked up, and are subtracted by no second reading.
 *
 * A partition of which a key or a position is NULL is recomputed as a whole (recompute.hpp).
 */
#pragma once

#include "engine/operators/keyed/window.hpp"

namespace pgtrickle::engine {

/* A window whose step stores the rows of its input, and the values of its running calls. */
struct SpannedWindow {
    std::shared_ptr<const Window> window;
    PlanPtr stored;             /* the step's own arrangement */
    std::vector<int> stored_at; /* by column of the window: its column in `stored`; -1: read by nothing, not stored */
};

/* Returns the columns of a window that the step must store: those that are read above it (`is_read`), those that its
 * calls read, its partition keys and the values of its running calls. */
std::vector<bool> stored_columns(const Window &window, std::vector<bool> is_read);

/* Whether the window follows the delta of `rows`, its input: its calls can, and the rows of a position are found by an
 * index. */
bool follows_delta(const Window &window, const PlanPtr &rows);

/* Returns the touched partitions with their ranges and bases; the first columns are the partition keys. */
PlanPtr spans_of(const SpannedWindow &spanned, const PlanPtr &delta);
/* Returns the keys of the partitions that are recomputed as a whole. */
PlanPtr keys_without_span(const SpannedWindow &spanned, const PlanPtr &spans);
/* Returns the stored rows at positions at which something has changed. */
PlanPtr rows_at_changes(const SpannedWindow &spanned, const PlanPtr &delta);
/* Returns the emitted rows as they are after `delta`, with the columns of the window. */
PlanPtr emitted_rows(const SpannedWindow &spanned, const PlanPtr &spans, const PlanPtr &delta,
                     const PlanPtr &at_changes);
/* Returns the emitted rows as they are stored. Printed, those of emitted_rows() that replace a stored row contain its
 * subtraction, and these are the others: those at the positions that have changed. */
PlanPtr replaced_rows(const SpannedWindow &spanned, const PlanPtr &spans, const PlanPtr &at_changes);
/* Returns `rows`; they are not read unless there is a row in `touched`. */
PlanPtr rows_if_any(const PlanPtr &rows, const PlanPtr &touched);

} // namespace pgtrickle::engine
