/*
 * Rows of a delta that replace stored rows whose addresses the statement has read with them.
 *
 *   storage' = storage − the row at the address + the row of the delta
 *
 * The receiver passes all other rows on to `others`, and sorts these by address: they are not looked up, and the heap
 * is written from its start to its end. The statement and apply_replacements() have the same snapshot, which sees the
 * row at each address, and no address occurs twice; the images of the others are not among those of replaced rows. So
 * both parts may be applied in either order. PostgreSQL frames.
 */
#pragma once

#include "storage/apply/arrangement.hpp"
#include "storage/apply/delta_sort.hpp"
#include "storage/apply/emitter.hpp"

namespace pgtrickle::storage {

struct Replacements {
    DestReceiver receiver; /* to be passed to the executor; must be first */
    DeltaSort *others;
    int column_count;     /* physical columns */
    TupleDesc descriptor; /* these, the heap, and the place on it */
    Tuplesortstate *sort;
    TupleTableSlot *put_slot;
    TupleTableSlot *slot;
    int64 row_count;
};

/* The statement delivers the columns of `others`, pgt_heap and pgt_ctid. Allocates in the current context. */
Replacements *begin_replacements(Arrangement *arrangement, DeltaSort *others);
/* After the statement has ended. Raises 40001 if another transaction has changed one of the rows. */
void apply_replacements(Arrangement *arrangement, Replacements *rows, Emitter *emitter);
void end_replacements(Replacements *rows);

} // namespace pgtrickle::storage
