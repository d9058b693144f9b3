/*
 * What the planner knows of an arrangement.
 *
 * A statement that is driven by a delta looks the arrangement up if the planner knows how few rows a key has; where it
 * knows nothing it takes a two-hundredth of the rows for it, and reads a large arrangement whole. Autovacuum comes by within a minute,
 * or never. So whoever has written to an arrangement gathers statistics where there are none, or where they are of an
 * arrangement half as large: over its life that is one sample a doubling. ANALYZE invalidates the plans made before.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::storage {

/* Called after each write to `heap`, whose owner is the current user: a look at its size, and where that asks for it, ANALYZE. Never waits:
 * what somebody else analyzes or alters is left to a later call. Holds ShareUpdateExclusive until the end of the
 * transaction if it has sampled. */
void keep_statistics(Oid heap);

/* Estimates: of the rows of the heap, and of how many different rows the columns at `positions` (0-based) of the heap have; where nothing is known, as many as there are rows. */
double stored_rows(Oid heap);
double distinct_keys(Oid heap, const int *positions, int count);

} // namespace pgtrickle::storage
