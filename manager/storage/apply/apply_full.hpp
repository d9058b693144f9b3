/*
 * Makes an arrangement contain exactly the rows that its full statement returns.
 *
 * A fill writes a heap that this transaction has created in the order of the statement, in batches, without index
 * maintenance; the indexes are built afterwards, as CREATE INDEX would. Its rows are frozen and its pages
 * all-visible, as after COPY FREEZE. A partitioned heap is written after the statement, which may need partitions
 * that do not exist yet. replace_content() applies to all
 * other heaps: both sides are sorted by the identity's hash and merged. Only rows that differ are written,
 * and as row versions, so that readers keep their snapshots and are never blocked, and the true delta is
 * emitted. This also repairs an arrangement that is inconsistent with its query. PostgreSQL frames.
 */
#pragma once

#include "mailbox/progress.hpp"
#include "storage/apply/apply_groups.hpp"

namespace pgtrickle::storage {

/* Returns a receiver that inserts the rows of the full statement into an arrangement without rows, and emits
 * them. emitter->inserted counts them. */
DestReceiver *begin_fill(Arrangement *arrangement, Emitter *emitter);
/* Builds the indexes of the filled heap; the arrangement must be closed. */
void build_indexes(Oid heap);
/* Whether this transaction has created the heap and it is empty: no other process can need its indexes. */
bool is_new_heap(Relation heap);

/* `rows` has all physical columns, and is finished. `progress` counts its rows, and may be null. */
void replace_content(Arrangement *arrangement, DeltaSort *rows, Emitter *emitter, mailbox::Progress *progress);

} // namespace pgtrickle::storage
