/*
 * Applies a delta to an arrangement of layout groups.
 *
 * For each key of the delta, with o the stored row (all NULL when absent) and d the delta row:
 *   n = merge(o, d)
 *   n.count < 0: inconsistent
 *   n.count = 0: the row is deleted (the global aggregate's row stays)
 *   otherwise: the row is inserted or updated
 * A state that cannot be merged backwards (an extremum whose last copy is retracted, a float sum) is not
 * approximated: the key is added to `touched`, its row stays as it is, and apply_recomputed() stores the
 * result of the recompute statement. Thus every stored group is either merged exactly or recomputed from its
 * input.
 */
#pragma once

#include "storage/apply/delta_sort.hpp"
#include "storage/apply/emitter.hpp"
#include "storage/apply/group_program.hpp"

namespace pgtrickle::storage {

struct Touched {
    Tuplestorestate *groups; /* the key columns; or all columns of the arrangement, with the states merged */
    TupleDesc descriptor;
    bool has_states;
    int64 count;
};

/* Applies `delta`, which has program->delta_descriptor's columns, one row per key, and is finished. Returns
 * false if the arrangement is inconsistent; the changes made have been emitted nevertheless. PostgreSQL
 * frame. */
bool apply_groups(Arrangement *arrangement, GroupProgram *program, DeltaSort *delta, Emitter *emitter,
                  Touched *touched);

/* The rows of groups as they would be stored, in a memory context of the caller. */
struct MergedGroups {
    MemoryContext memory;
    List *keys =
        NIL; /* of KeptRow: the delta's rows, which begin with the key; also of groups that have no row any more */
    List *rows = NIL; /* of KeptRow: physical columns */
    int most;         /* of keys; more are not kept */
    Size most_bytes;  /* of memory */
};

/* As apply_groups(), but writes and emits nothing: the rows of touched groups are missing in `merged`. The arrangement
 * may be open for look-ups only. Returns false also if there are too many groups. */
bool merge_groups(Arrangement *arrangement, GroupProgram *program, DeltaSort *delta, MergedGroups *merged,
                  Touched *touched);
/* Adds the rows of apply_recomputed(). */
bool merge_recomputed(DeltaSort *rows, MergedGroups *merged, const Touched *touched);

/* Applies `rows`, which has all physical columns for the touched keys, and is finished. Returns false if a
 * touched key is missing in `rows`. */
bool apply_recomputed(Arrangement *arrangement, DeltaSort *rows, Emitter *emitter, const Touched *touched);

/* Replaces the stored row (NULL: none) by the physical row `values` (NULL: none) and emits the delta of its
 * output columns. Does not write to the heap if nothing changes. `stored` is arrangement->found. */
void replace_row(Arrangement *arrangement, TupleTableSlot *stored, const Datum *values, const bool *nulls, int64 hash,
                 Emitter *emitter);

} // namespace pgtrickle::storage
