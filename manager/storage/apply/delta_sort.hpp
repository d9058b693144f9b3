/*
 * A delta before it is applied to an arrangement: rows with the hash of their place, sorted so that rows of one
 * place are adjacent, memory is bounded by maintenance_work_mem, and the index is visited in order.
 *
 * The sort has `column_count` columns as the statement delivers them, then pgt_hash. The place's columns are at
 * `place_positions` among them. All functions are PostgreSQL frames.
 */
#pragma once

#include "storage/apply/identity.hpp"

extern "C" {
#include "tcop/dest.h"
#include "utils/tuplesort.h"
}

namespace pgtrickle::storage {

/* By hash, as an index on pgt_hash, and so that two sorted sets can be merged; or by the values of the place, as an
 * index on these: a place of columns that have an order (Arrangement::facts.found_by). */
enum class DeltaOrder { hash, values };

struct DeltaSort {
    DestReceiver receiver; /* to be passed to the executor; must be first */
    const Identity *place;
    int place_count;
    const int *place_positions;
    int column_count;
    TupleDesc descriptor; /* columns and pgt_hash */
    Tuplesortstate *sort;
    TupleTableSlot *put_slot; /* of the row that is added; the sort copies it */
    TupleTableSlot *slot;
    MemoryContext row_context; /* for the hash of a row */
    Datum *place_values;
    bool *place_nulls;
    int64 row_count;
};

/* `columns` describes the rows that the statement must deliver; another type raises XX000. Allocates in the
 * current context. */
DeltaSort *begin_delta_sort(TupleDesc columns, const Identity *place, const int *place_positions, DeltaOrder order);
/* Adds one row. */
void put_row(DeltaSort *delta, const Datum *values, const bool *nulls);
/* As put_row(), with any hash that rows of the same image share in place of that of the place. */
void put_hashed_row(DeltaSort *delta, const Datum *values, const bool *nulls, int64 hash);
/* Sorts the rows, after the last put_row(). next_row() then returns them in order in delta->slot, deformed. */
void finish_rows(DeltaSort *delta);
bool next_row(DeltaSort *delta);
int64 hash_of_row(const DeltaSort *delta);
void end_delta_sort(DeltaSort *delta);

/* A copy of the slot's row in the current context, deformed. */
struct KeptRow {
    Datum *values;
    bool *nulls;
};
KeptRow keep_row(TupleTableSlot *slot);

} // namespace pgtrickle::storage
