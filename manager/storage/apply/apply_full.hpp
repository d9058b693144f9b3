/*
 * Making an arrangement hold exactly what its full statement delivers.
 *
 * fill: a heap that this transaction created is filled in the order of the statement, without index maintenance;
 * the indexes are built afterwards, as CREATE INDEX would.
 * replace_content: otherwise both sides are sorted by the identity's hash and merged; only
 * rows that differ are written, in the old ones' stead, so readers keep their snapshots and
 * are never blocked, and what is emitted is the true difference. This is also how an
 * arrangement that lost touch with its query is mended.
 * PostgreSQL frames.
 */
#pragma once

#include "mailbox/progress.hpp"
#include "storage/apply/apply_groups.hpp"

namespace pgtrickle::storage {

/* A receiver that inserts what the full statement delivers into an arrangement with no
 * rows, and emits it. Count: emitter->inserted. */
DestReceiver *begin_fill(Arrangement *arrangement, Emitter *emitter);
/* Builds the indexes of the heap filled; the arrangement must be closed. */
void build_indexes(Oid heap);
/* Created in this transaction and empty: nobody else can wait for its indexes. */
bool is_new_heap(Relation heap);

/* `rows` holds all physical columns, and is finished. Each is counted in `progress`, which may be null. */
void replace_content(Arrangement *arrangement, DeltaSort *rows, Emitter *emitter, mailbox::Progress *progress);

} // namespace pgtrickle::storage
