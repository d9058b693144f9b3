/*
 * Applying a delta to an arrangement of layout rows.
 *
 *     storage' = storage + delta,  as Z-sets over the images of the rows
 *
 * The delta is summed per image first, so that a row that comes and goes within it is never
 * looked for. A row with net weight -w must be there w times: if it is not, the storage
 * has lost touch with its query, and apply says so (is_consistent = false) instead of going
 * on quietly; what it did change is emitted all the same, so a full refresh in the same
 * transaction mends storage, later steps and downstreams alike.
 */
#pragma once

#include "storage/apply/arrangement.hpp"
#include "storage/apply/delta_sort.hpp"
#include "storage/apply/emitter.hpp"

namespace pgtrickle::storage {

/* `delta` holds the value columns, then pgt_weight, and is finished. PostgreSQL frame. */
bool apply_rows(Arrangement *arrangement, DeltaSort *delta, Emitter *emitter);

} // namespace pgtrickle::storage
