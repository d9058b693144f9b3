/*
 * Which rows of a change log have an entry in its index, and how the others are found.
 *
 * An insertion into the btree is the largest part of what capture costs a statement that changes one row, and all
 * writers insert into its last page. The index is partial, and a row that is found otherwise has no entry:
 *
 *     Each row of (xid, block) has an entry; or there is an entry, of the block and of a row that is there as long as
 *     this one, which is of the same xid, or is the only entry of an xid that is less by less than anchor_reach.
 *
 * That entry is the *anchor*. A process relies on what it has written itself: a row of an earlier transaction, which
 * has committed, or of the present one, outside of savepoints. For changes from an xid on, a reader therefore searches
 * from anchor_reach below, and reads the whole blocks (new_rows.hpp). Entries of an xid that has several are no
 * anchors, so that nothing of a large transaction is read again. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/transam.h"
#include "storage/block.h"
#include "utils/relcache.h"
}

namespace pgtrickle::capture {

/* Readers look at the rows of as many earlier xids; writers need a new entry after as many. */
constexpr uint64 anchor_reach = 128;

/* Returns the block in which a row of `length` bytes needs no entry, and into which PostgreSQL puts it unless another
 * process takes the room first; InvalidBlockNumber if it needs one. */
BlockNumber anchored_block(Relation segment, FullTransactionId xid, Size length);
/* Records that a row was put into the anchored block. */
void take_anchored_room(Relation segment, Size length);
/* Records that the xid gets an entry, before it is inserted: an insertion that fails may leave one, although a
 * savepoint is rolled back. Returns whether it is the first. */
bool expect_entry(Relation segment, FullTransactionId xid);
/* Records that the row of the first entry is in `block`. */
void note_first_entry(Relation segment, BlockNumber block);

} // namespace pgtrickle::capture
