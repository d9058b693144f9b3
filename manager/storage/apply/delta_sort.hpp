/*
 * A delta before it is applied to an arrangement: rows with the hash of their identity, sorted by it, so that
 * equal rows are adjacent, memory is bounded by work_mem, and the index is visited in order.
 *
 * The sort has `column_count` columns as the statement delivers them, then pgt_hash. The identity's columns
 * are at `identity_positions` among them. All functions are PostgreSQL frames.
 */
#pragma once

#include "storage/apply/identity.hpp"

extern "C" {
#include "tcop/dest.h"
#include "utils/tuplesort.h"
}

namespace pgtrickle::storage {

struct DeltaSort {
    DestReceiver receiver; /* to be passed to the executor; must be first */
    const Identity *identity;
    int identity_count;
    const int *identity_positions;
    int column_count;
    TupleDesc descriptor; /* columns and pgt_hash */
    Tuplesortstate *sort;
    TupleTableSlot *slot;
    MemoryContext row_context;
    Datum *identity_values;
    bool *identity_nulls;
    int64 row_count;
};

/* `columns` describes the rows that the statement must deliver; another type raises XX000. Allocates in the
 * current context. */
DeltaSort *begin_delta_sort(TupleDesc columns, const Identity *identity, const int *identity_positions);
/* Adds one row. */
void put_row(DeltaSort *delta, const Datum *values, const bool *nulls);
/* Sorts the rows, after the last put_row(). next_row() then returns them by hash in delta->slot, deformed. */
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
