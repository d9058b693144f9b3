/*
 * The net of a source's changes, as one consumer sees them.
 *
 * A log holds the columns that any consumer reads. To one that reads fewer, an update of
 * the others is a row that goes and comes back; and of a row changed a thousand times only
 * the first image and the last matter. Both cancel in the sum per image, and they must:
 * each changed row of a small table, joined with a large one, costs what it matches there.
 *
 *     net(Δ) = Δ as a Z-set: the same sum of weights for every image
 *
 * PostgreSQL frame.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/tuplestore.h"
}

namespace pgtrickle::refresh {

/* Puts the net of `changes` into `out`, in rows of weight 1 or -1; returns their number.
 * `descriptor` describes both; its last column is the weight. Sorts: n log n, within work_mem. */
int64_t net_changes(Tuplestorestate *changes, TupleDesc descriptor, Tuplestorestate *out);

} // namespace pgtrickle::refresh
