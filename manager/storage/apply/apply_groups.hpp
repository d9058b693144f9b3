/*
 * Applying a delta to an arrangement of layout groups.
 *
 * For each key of the delta, with o the stored row (all NULL when absent):
 *     n = merge(o, d);  n.count < 0: inconsistent;  n.count = 0: the row goes (the global
 *     aggregate's stays);  else the row is inserted or updated.
 * A state that cannot be merged backwards (an extremum whose last copy is retracted, a float
 * sum) is not guessed: the key goes to `touched`, its row is left alone, and
 * apply_recomputed() puts in what the recompute statement finds. So every stored group is
 * either merged exactly or recomputed from its input, never approximated.
 */
#pragma once

#include "storage/apply/delta_sort.hpp"
#include "storage/apply/emitter.hpp"
#include "storage/apply/group_program.hpp"

namespace pgtrickle::storage {

struct Touched {
    Tuplestorestate *keys; /* the key columns */
    TupleDesc descriptor;
    int64 count;
};

/* `delta` holds program->delta_descriptor's columns, one row a key, and is finished.
 * False: inconsistent; what was changed has been emitted. PostgreSQL frame. */
bool apply_groups(Arrangement *arrangement, GroupProgram *program, DeltaSort *delta, Emitter *emitter,
                  Touched *touched);

/* `rows` holds all physical columns for the touched keys, and is finished. */
bool apply_recomputed(Arrangement *arrangement, DeltaSort *rows, Emitter *emitter, const Touched *touched);

/* Replaces the stored row (NULL: none) by the physical row `values` (NULL: none), keeping
 * the heap untouched where nothing changes, and emits the difference of its output columns.
 * `stored` is arrangement->found. */
void replace_row(Arrangement *arrangement, TupleTableSlot *stored, const Datum *values, const bool *nulls,
                 int64 hash, Emitter *emitter);

} // namespace pgtrickle::storage
