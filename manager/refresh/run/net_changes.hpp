/*
 * The net of a source's changes for one stream table.
 *
 * A log has the columns that any stream table reads. For a stream table that reads fewer columns, an update
 * of the others deletes and inserts the same row; and of a row changed a thousand times only the first image
 * and the last matter. Both cancel in the sum per image, and they must: each changed row of a small table,
 * joined with a large table, costs as much as its matches there.
 *
 *   net(Δ) = Δ as a Z-set: the same sum of weights for every image
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

/* Returns the net of `count` rows of weight 1 or -1, as rows of such weights. Takes ownership of `changes`,
 * and returns them if they are their own net. `descriptor` describes both; its last column is the weight. No value is
 * compressed or stored out of line, so that rows of the same image consist of the same bytes. Only rows with images
 * that have been both added and removed are sorted, within maintenance_work_mem; the others cost a hash of their bytes.
 * Needs up to nineteen bytes per row in addition. */
NetChanges net_changes(Tuplestorestate *changes, int64_t count, TupleDesc descriptor);

} // namespace pgtrickle::refresh
