/*
 * Creates the partitions of ranges that have rows for the first time.
 *
 * A plan reads the partitions that existed when it was made. If a partition got rows between planning and the
 * snapshot of the execution, in which a reader may wait for this very refresh, the reader would miss them. So a
 * partition is created under AccessExclusive on the storage, which no transaction has that could run such a plan; a
 * plan that is kept locks the storage, and then learns that it is out of date. This lock is never waited for, as
 * its holders may wait for the refresh, and nor is a lock of an index that the partition gets a copy of. Where it
 * cannot be had, the rows of the range stay in the default partition, which every plan reads, until a later refresh.
 *
 * A snapshot that is older sees the moved rows in the default partition, which a plan of today prunes. So the storage
 * counts as altered: its row in pg_class is written again, and a read under such a snapshot fails
 * (require_storage_seen()). A transaction that has read the storage before has it locked.
 *
 * In a heap that this transaction has created, partitions are created as rows need them.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "storage/apply/arrangement.hpp"

namespace pgtrickle::storage {

/* As row_heap_for(), in a heap that this transaction has created: creates the partition of the row's range. */
RowHeap *row_heap_for_fill(Arrangement *arrangement, const Datum *values, const bool *nulls);

/* Moves the rows of the default partition that have a range of their own to partitions of these ranges. Returns false
 * if the storage or an index is in use, and rows are left. No look-up is pending. */
bool place_rows(Arrangement *arrangement);

} // namespace pgtrickle::storage
