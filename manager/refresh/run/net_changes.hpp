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

struct NetChanges {
    Tuplestorestate *rows;
    int64_t count;
};

/* The net of `count` rows of weight 1 or -1, in rows of such weights; takes `changes` over, which may
 * be their own net. `descriptor` describes both; its last column is the weight. Only rows whose image
 * repeats are sorted, within work_mem; the others cost a hash. Takes eleven bytes a row besides. */
NetChanges net_changes(Tuplestorestate *changes, int64_t count, TupleDesc descriptor);

} // namespace pgtrickle::refresh
