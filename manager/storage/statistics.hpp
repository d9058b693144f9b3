/*
 * The planner's statistics of an arrangement.
 *
 * A statement that is driven by a delta looks rows of the arrangement up by an index if the planner knows how
 * few rows a key has. Without statistics the planner assumes half a percent of the rows, and reads a large
 * arrangement as a whole. Autovacuum comes within a minute, or never. Therefore a process that has written to
 * an arrangement gathers statistics if there are none, or if the arrangement has more than doubled since they
 * were gathered: that is one sample per doubling. Autovacuum never analyzes a partitioned storage as a whole, so
 * this holds for its partitions together, and for each of them. ANALYZE invalidates the plans made before. PostgreSQL
 * frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "storage/block.h"
}

namespace pgtrickle::storage {

/* Returns the size of the heap, or of its partitions. */
BlockNumber stored_blocks(Oid heap);

/* To be called after each write to `heap`, by its owner: compares its size with that of the last ANALYZE, and
 * analyzes it if necessary. Never waits: a heap that another session analyzes or alters, or whose index it alters, is
 * skipped until a later call. Holds ShareUpdateExclusive until the end of the transaction if it has analyzed the heap.
 */
void maintain_statistics(Oid heap);

/* Returns the number of rows of a relation as of its last ANALYZE or VACUUM; negative if it is unknown. */
double analyzed_rows(Oid relation);

/* To be called after each refresh of the stream table: keeps the numbers of rows and pages in its own row of pg_class,
 * which programs that connect to the database show, near those that ANALYZE has found in its storage. Never waits, and
 * holds no lock afterwards. */
void show_size(Oid relid, Oid storage);

/* Estimates of the number of rows of the heap, and of the number of distinct rows that its columns at
 * `positions` (0-based) have. Without statistics, each row counts as distinct. */
double stored_rows(Oid heap);
double distinct_keys(Oid heap, const int *positions, int count);

} // namespace pgtrickle::storage
