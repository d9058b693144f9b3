/*
 * A delta on its way into an arrangement: rows with the hash of their identity, sorted by
 * it, so that equal rows meet, memory is bounded by work_mem, and the index is walked in
 * order.
 *
 * The sort holds `column_count` columns as the statement delivers them, then pgt_hash. The
 * identity's columns are at `identity_positions` among them. All PostgreSQL frames.
 */
#pragma once

#include "storage/apply/identity.hpp"

extern "C" {
#include "tcop/dest.h"
#include "utils/tuplesort.h"
}

namespace pgtrickle::storage {

struct DeltaSort {
    DestReceiver receiver; /* hand this to the executor; must be first */
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

/* `columns` describes what the statement must deliver; a type that differs raises XX000.
 * Allocates in the current context. */
DeltaSort *begin_delta_sort(TupleDesc columns, const Identity *identity, const int *identity_positions);
/* Adds one row. */
void put_row(DeltaSort *delta, const Datum *values, const bool *nulls);
/* After the last row; then next_row() delivers the rows by hash into delta->slot, deformed. */
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
