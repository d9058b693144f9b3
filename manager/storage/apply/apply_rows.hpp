/*
 * Applies a delta to an arrangement of layout rows.
 *
 *   storage' = storage + delta,  as Z-sets over the images of the rows
 *
 * The delta is summed per image first, so that a row that is inserted and deleted within it is never looked
 * up. A row with net weight -w must be stored w times. Otherwise the storage is inconsistent with its query,
 * and apply_rows() returns false. The changes made have been emitted nevertheless, so that a full refresh in
 * the same transaction repairs the storage, later steps and downstream stream tables alike.
 */
#pragma once

#include "storage/apply/arrangement.hpp"
#include "storage/apply/delta_sort.hpp"
#include "storage/apply/emitter.hpp"

namespace pgtrickle::storage {

/* `delta` has the value columns, then pgt_weight, and is finished. PostgreSQL frame. */
bool apply_rows(Arrangement *arrangement, DeltaSort *delta, Emitter *emitter);

} // namespace pgtrickle::storage
